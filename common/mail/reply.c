/*
 * reply.c - the reader of SMTP replies (RFC 5321 4.2, RFC 2034 4, RFC 3463 2).
 *
 *	Reply-line     = *( Reply-code "-" [ textstring ] CRLF )
 *			 Reply-code [ SP textstring ] CRLF
 *	Reply-code     = %x32-35 DIGIT DIGIT
 *	textstring     = [ status SP ] *OCTET
 *	status         = class "." subject "." detail   ; class = first digit of the code
 *
 * One byte at a time.  A CR is held in r->cr until the next byte tells whether it belongs to the
 * line end; LF alone ends a line as well (real servers do that) and is flagged.
 */
#include "common/mail/reply.h"

enum { CODE_DIGITS = 3, LINE_END = 2, STATUS_DIGITS = 3 };

void reply_init(struct reply_reader *r)
{
	*r = (struct reply_reader){.at = REPLY_MORE};
}

static enum reply_status fail(struct reply_reader *r, enum reply_error error)
{
	r->error = error;
	return REPLY_ERROR;
}

static void add_text(struct reply *reply, uint8_t c)
{
	if (reply->text_n < LIMIT_REPLY_TEXT)
		reply->text[reply->text_n++] = (char)c;
	else
		reply->cut = true;
}

static void begin_text(struct reply_reader *r)
{
	if (r->reply.lines > 0)
		add_text(&r->reply, '\n');
	r->line_at = r->reply.text_n;
}

static enum reply_status code_digit(struct reply_reader *r, uint8_t c)
{
	if (r->pos == 1 && r->reply.lines >= LIMIT_REPLY_LINES)
		return fail(r, REPLY_ERR_LINES);
	if (!ascii_digit(c) || (r->pos == 1 && (c < '2' || c > '5')))
		return fail(r, REPLY_ERR_CODE);
	r->code = (uint16_t)(r->code * 10 + (c - '0'));
	if (r->pos < CODE_DIGITS)
		return REPLY_MORE;
	if (r->reply.lines > 0 && r->code != r->reply.code)
		return fail(r, REPLY_ERR_MIXED);
	r->reply.code = r->code;
	return REPLY_MORE;
}

/* A byte that is not part of a line end. */
static enum reply_status take_content(struct reply_reader *r, uint8_t c)
{
	r->pos++;
	if (r->pos <= CODE_DIGITS)
		return code_digit(r, c);
	if (r->pos == CODE_DIGITS + 1) {
		if (c != ' ' && c != '-')
			return fail(r, REPLY_ERR_SEPARATOR);
		r->last = c == ' ';
		begin_text(r);
	} else if (r->pos <= LIMIT_REPLY_LINE - LINE_END) {
		add_text(&r->reply, c);
	} else {
		r->reply.cut = true;
	}
	return REPLY_MORE;
}

/* Length of "." 1*3DIGIT at s without leading zero, or of the same without the dot; 0. */
static size_t number_length(struct span s)
{
	size_t n = 0;

	while (n < s.n && ascii_digit(s.p[n]))
		n++;
	if (n == 0 || n > STATUS_DIGITS || (n > 1 && s.p[0] == '0'))
		return 0;
	return n;
}

/* Length of the status code of this class that line begins with; 0 if there is none. */
static size_t status_length(struct span line, uint16_t code)
{
	size_t at = 1, n;

	if (line.n == 0 || line.p[0] != '0' + code / 100 || line.p[0] == '3')
		return 0;
	for (int i = 0; i < 2; i++) {
		if (at >= line.n || line.p[at] != '.')
			return 0;
		n = number_length(span_from(line, at + 1));
		if (n == 0)
			return 0;
		at += 1 + n;
	}
	return at == line.n || line.p[at] == ' ' ? at : 0;
}

static void find_status(struct reply_reader *r)
{
	struct reply *reply = &r->reply;
	struct span line = span_from(reply_text(reply), r->line_at);
	size_t n = status_length(line, reply->code);

	if (reply->status[0] || n == 0 || reply->text_n == LIMIT_REPLY_TEXT)
		return;
	must(n < sizeof(reply->status));
	memcpy(reply->status, line.p, n);
	reply->status[n] = '\0';
}

static enum reply_status end_line(struct reply_reader *r)
{
	if (r->pos < CODE_DIGITS)
		return fail(r, REPLY_ERR_CODE);
	if (r->pos == CODE_DIGITS) { /* the bare code */
		r->last = true;
		begin_text(r);
	}
	if (!r->cr)
		r->reply.bare_lf = true;
	find_status(r);
	r->reply.lines++;
	r->cr = false;
	r->pos = 0;
	r->code = 0;
	if (!r->last)
		return REPLY_MORE;
	r->reply.text[r->reply.text_n] = '\0';
	return REPLY_DONE;
}

static enum reply_status take(struct reply_reader *r, uint8_t c)
{
	enum reply_status status = REPLY_MORE;

	if (++r->size > REPLY_SIZE_MAX)
		return fail(r, REPLY_ERR_SIZE);
	if (c == '\n')
		return end_line(r);
	if (r->cr)
		status = take_content(r, '\r');
	r->cr = c == '\r';
	if (!r->cr && status == REPLY_MORE)
		status = take_content(r, c);
	return status;
}

enum reply_status reply_feed(struct reply_reader *r, struct span in, size_t *used_out)
{
	size_t i = 0;

	if (in.n && r->at == REPLY_DONE)
		reply_init(r);
	while (i < in.n && r->at == REPLY_MORE)
		r->at = take(r, in.p[i++]);
	*used_out = i;
	return r->at;
}

bool reply_idle(const struct reply_reader *r)
{
	return r->at == REPLY_DONE || r->size == 0;
}

struct reply_lines reply_lines(const struct reply *r)
{
	return (struct reply_lines){.rest = reply_text(r), .ended = r->lines == 0};
}

bool reply_line(struct reply_lines *it, struct span *line_out)
{
	if (it->ended)
		return false;
	it->ended = span_find(it->rest, '\n') == it->rest.n;
	*line_out = span_cut(&it->rest, '\n');
	return true;
}

const char *reply_error(enum reply_error err)
{
	static const char *const texts[] = {
		[REPLY_ERR_NONE] = "",
		[REPLY_ERR_CODE] = "the server's reply has no valid code",
		[REPLY_ERR_SEPARATOR] = "the server's reply has no blank or hyphen after its code",
		[REPLY_ERR_MIXED] = "the lines of the server's reply have different codes",
		[REPLY_ERR_LINES] = "the server's reply has too many lines",
		[REPLY_ERR_SIZE] = "the server's reply is too long",
	};

	return texts[err];
}
