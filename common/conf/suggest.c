/*
 * suggest.c - edit distance with swaps (optimal string alignment), in three rows.
 *
 * A word may be wrong in a third of its letters, at most in three, to be taken for another.
 */
#include "common/conf/suggest.h"

enum { ROW = SUGGEST_WORD_MAX + 1, WRONG_MAX = 3, LETTERS_FOR_ONE = 3 };

/* row[j]: the distance between the first i bytes of a and the first j bytes of b. */
static void row_fill(const size_t *before2, const size_t *before, size_t *row, struct span a,
		     size_t i, struct span b)
{
	row[0] = i;
	for (size_t j = 1; j <= b.n; j++) {
		uint8_t x = ascii_lower(a.p[i - 1]), y = ascii_lower(b.p[j - 1]);

		row[j] = before[j - 1] + (x != y);
		row[j] = size_min(row[j], size_min(before[j], row[j - 1]) + 1);
		if (i > 1 && j > 1 && x == ascii_lower(b.p[j - 2]) && y == ascii_lower(a.p[i - 2]))
			row[j] = size_min(row[j], before2[j - 2] + 1);
	}
}

size_t suggest_distance(struct span a, struct span b)
{
	size_t rows[3][ROW] = {{0}};

	if (a.n > SUGGEST_WORD_MAX || b.n > SUGGEST_WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.n; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a.n; i++)
		row_fill(rows[(i + 1) % 3], rows[(i + 2) % 3], rows[i % 3], a, i, b);
	return rows[a.n % 3][b.n];
}

void suggest_init(struct suggest *s, struct span word)
{
	*s = (struct suggest){
		.word = word,
		.distance = size_min(word.n / LETTERS_FOR_ONE, WRONG_MAX) + 1,
	};
}

void suggest_try(struct suggest *s, struct span candidate)
{
	size_t distance = suggest_distance(s->word, candidate);

	if (candidate.n == 0 || distance >= s->distance)
		return;
	s->best = candidate;
	s->distance = distance;
}
