/*
 * date.c - see date.h.
 *
 * RFC 3339 5.6:
 *	date-time = 4DIGIT "-" 2DIGIT "-" 2DIGIT ( "T" / " " ) 2DIGIT ":" 2DIGIT ":" 2DIGIT
 *	            [ "." 1*DIGIT ] ( "Z" / ( "+" / "-" ) 2DIGIT ":" 2DIGIT )
 * RFC 5322 3.3, without the obsolete years, zones and comments but the last:
 *	date-time = [ day-name "," ] 1*2DIGIT month-name 4DIGIT 2DIGIT ":" 2DIGIT [ ":" 2DIGIT ]
 *	            ( ( "+" / "-" ) 4DIGIT / "GMT" / "UT" / "UTC" ) [ comment ]
 */
#include "common/mail/date.h"

enum { FIRST_YEAR = 1970, MINUTE_MS = 60000 };

struct civil {
	unsigned year, month, day, hour, minute, second, ms;
	int zone; /* minutes east of Greenwich */
};

static const char month_names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
static const char day_names[] = "sunmontuewedthufrisat";

static bool take_byte(struct span *s, uint8_t c)
{
	if (s->n == 0 || ascii_lower(s->p[0]) != c)
		return false;
	*s = span_from(*s, 1);
	return true;
}

/* min to max digits, and no digit after them. */
static bool take_digits(struct span *s, size_t min, size_t max, unsigned *out)
{
	size_t n = 0;
	uint64_t value = 0;

	while (n < s->n && ascii_digit(s->p[n]))
		n++;
	if (n < min || n > max || span_u64(span_head(*s, n), 9999, &value) != 0)
		return false;
	*out = (unsigned)value;
	*s = span_from(*s, n);
	return true;
}

/* A name of three letters; its place in the list, from 0. */
static bool take_name(struct span *s, const char *names, unsigned *out)
{
	for (unsigned i = 0; s->n >= 3 && names[3 * i]; i++) {
		if (!span_ieq(span_head(*s, 3), span_of(names + 3 * i, 3)))
			continue;
		*out = i;
		*s = span_from(*s, 3);
		return true;
	}
	return false;
}

static bool take_blanks(struct span *s)
{
	size_t n = 0;

	while (n < s->n && (s->p[n] == ' ' || s->p[n] == '\t'))
		n++;
	*s = span_from(*s, n);
	return n > 0;
}

static unsigned month_days(unsigned year, unsigned month)
{
	static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static bool is_valid(const struct civil *c)
{
	return c->year >= FIRST_YEAR && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
	       c->day <= month_days(c->year, c->month) && c->hour < 24 && c->minute < 60 &&
	       c->second <= 60; /* a leap second */
}

/* Days since 1970-01-01 of the first day of a year. */
static int64_t year_days(unsigned year)
{
	int64_t before = (int64_t)year - 1;

	return 365 * ((int64_t)year - FIRST_YEAR) + before / 4 - before / 100 + before / 400 - 477;
}

static int finish(const struct civil *c, struct wall *out)
{
	int64_t days, minutes;

	if (!is_valid(c))
		return -EINVAL;
	days = year_days(c->year) + c->day - 1;
	for (unsigned m = 1; m < c->month; m++)
		days += month_days(c->year, m);
	minutes = (days * 24 + c->hour) * 60 + c->minute - c->zone;
	out->ms = minutes * MINUTE_MS + (int64_t)c->second * 1000 + c->ms;
	return 0;
}

/* "+01:00" or, without colon, "+0100". */
static bool take_offset(struct span *s, bool colon, int *out)
{
	unsigned hours, minutes;
	bool west = s->n && s->p[0] == '-';

	if (!west && (s->n == 0 || s->p[0] != '+'))
		return false;
	*s = span_from(*s, 1);
	if (colon) {
		if (!take_digits(s, 2, 2, &hours) || !take_byte(s, ':') ||
		    !take_digits(s, 2, 2, &minutes))
			return false;
	} else {
		if (!take_digits(s, 4, 4, &hours))
			return false;
		minutes = hours % 100;
		hours /= 100;
	}
	*out = (int)(60 * hours + minutes) * (west ? -1 : 1);
	return hours < 24 && minutes < 60;
}

/* Behind a dot: any number of digits, of which three count. */
static bool take_fraction(struct span *s, unsigned *ms_out)
{
	size_t n = 0;
	unsigned ms = 0;

	for (; n < s->n && ascii_digit(s->p[n]); n++)
		if (n < 3)
			ms = ms * 10 + (s->p[n] - '0');
	for (size_t i = n; i < 3; i++)
		ms *= 10;
	*ms_out = ms;
	*s = span_from(*s, n);
	return n > 0;
}

int date_rfc3339(struct span s, struct wall *out)
{
	struct civil c = {.zone = 0};

	if (!take_digits(&s, 4, 4, &c.year) || !take_byte(&s, '-') ||
	    !take_digits(&s, 2, 2, &c.month) || !take_byte(&s, '-') ||
	    !take_digits(&s, 2, 2, &c.day) || (!take_byte(&s, 't') && !take_byte(&s, ' ')))
		return -EINVAL;
	if (!take_digits(&s, 2, 2, &c.hour) || !take_byte(&s, ':') ||
	    !take_digits(&s, 2, 2, &c.minute) || !take_byte(&s, ':') ||
	    !take_digits(&s, 2, 2, &c.second))
		return -EINVAL;
	if (take_byte(&s, '.') && !take_fraction(&s, &c.ms))
		return -EINVAL;
	if ((!take_byte(&s, 'z') && !take_offset(&s, true, &c.zone)) || s.n)
		return -EINVAL;
	return finish(&c, out);
}

static bool take_day(struct span *s, struct civil *c)
{
	unsigned unused;

	if (take_name(s, day_names, &unused)) {
		take_blanks(s);
		if (!take_byte(s, ','))
			return false;
		take_blanks(s);
	}
	if (!take_digits(s, 1, 2, &c->day) || !take_blanks(s) ||
	    !take_name(s, month_names, &c->month) || !take_blanks(s))
		return false;
	c->month++;
	return take_digits(s, 4, 4, &c->year) && take_blanks(s);
}

static bool take_time(struct span *s, struct civil *c)
{
	if (!take_digits(s, 2, 2, &c->hour) || !take_byte(s, ':') ||
	    !take_digits(s, 2, 2, &c->minute))
		return false;
	return (!take_byte(s, ':') || take_digits(s, 2, 2, &c->second)) && take_blanks(s);
}

static bool take_zone(struct span *s, struct civil *c)
{
	static const char *const names[] = {"UTC", "UT", "GMT"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!span_istarts(*s, names[i]))
			continue;
		*s = span_from(*s, strlen(names[i]));
		return true;
	}
	return take_offset(s, false, &c->zone);
}

int date_rfc5322(struct span s, struct wall *out)
{
	struct civil c = {.zone = 0};

	if (!take_day(&s, &c) || !take_time(&s, &c) || !take_zone(&s, &c))
		return -EINVAL;
	take_blanks(&s);
	if (s.n && (s.p[0] != '(' || span_find(s, ')') != s.n - 1))
		return -EINVAL;
	return finish(&c, out);
}
