/*
 * args.c - the options and arguments of one command, and errors on stderr.
 */
#include <stdarg.h>
#include <stdio.h>

#include "common/conf/suggest.h"

#include "ctl/ctl.h"

struct args {
	int argc;
	char **argv;
	int next;
	const struct ctl_options *o;
	const struct ctl_opt *opts;
	size_t opt_count;
};

static void complain(const char *fmt, va_list ap) PRINTF(1, 0);
static void complain(const char *fmt, va_list ap)
{
	fflush(stdout);
	fputs("posthaste: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int ctl_fail(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	return code;
}

void ctl_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
}

static int usage(const struct ctl_options *o, const char *fmt, ...) PRINTF(2, 3);
static int usage(const struct ctl_options *o, const char *fmt, ...)
{
	const struct ctl_command *c = o->command;
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return ctl_fail(EX_USAGE, "%s; usage: posthaste %s%s%s", text, c->words,
			c->synopsis[0] ? " " : "", c->synopsis);
}

static const struct ctl_opt *find(const struct args *a, struct span name)
{
	for (size_t i = 0; i < a->opt_count; i++)
		if (span_eq_str(name, a->opts[i].name))
			return &a->opts[i];
	return NULL;
}

static int unknown(const struct args *a, struct span name)
{
	struct suggest near;

	suggest_init(&near, name);
	for (size_t i = 0; i < a->opt_count; i++)
		suggest_try(&near, span_str(a->opts[i].name));
	if (near.best.n)
		return usage(a->o, "unknown option %.*s; did you mean %.*s?", SPAN_FMT(name),
			     SPAN_FMT(near.best));
	return usage(a->o, "unknown option %.*s", SPAN_FMT(name));
}

static int set_value(struct args *a, const struct ctl_opt *opt, const char *value)
{
	struct ctl_list *list = opt->out;

	if (!value && a->next < a->argc)
		value = a->argv[a->next++];
	if (!value)
		return usage(a->o, "%s needs a value", opt->name);
	if (opt->kind == CTL_VALUE) {
		*(const char **)opt->out = value;
		return 0;
	}
	if (list->n == CTL_LIST_MAX)
		return usage(a->o, "%s is given more than %d times", opt->name, CTL_LIST_MAX);
	list->at[list->n++] = value;
	return 0;
}

static int option(struct args *a, const char *arg)
{
	struct span name = span_str(arg);
	const char *equals = strchr(arg, '='), *value = equals ? equals + 1 : NULL;
	const struct ctl_opt *opt;

	name = span_head(name, span_find(name, '='));
	opt = find(a, name);
	if (!opt)
		return unknown(a, name);
	switch (opt->kind) {
	case CTL_FLAG:
		if (value)
			return usage(a->o, "%s takes no value", opt->name);
		*(bool *)opt->out = true;
		return 0;
	case CTL_MAYBE:
		*(const char **)opt->out = value ? value : "";
		return 0;
	case CTL_VALUE:
	case CTL_LIST:
		return set_value(a, opt, value);
	}
	return 0;
}

int ctl_args(int argc, char **argv, const struct ctl_options *o, const struct ctl_opt *opts,
	     size_t opt_count, const char **args, size_t args_min, size_t args_max)
{
	struct args a = {.argc = argc,
			 .argv = argv,
			 .next = (int)o->words,
			 .o = o,
			 .opts = opts,
			 .opt_count = opt_count};
	bool ended = false;
	size_t n = 0;
	int code = 0;

	for (size_t i = 0; i < args_max; i++)
		args[i] = NULL;
	while (!code && a.next < argc) {
		const char *arg = argv[a.next++];

		if (!ended && strcmp(arg, "--") == 0)
			ended = true;
		else if (!ended && arg[0] == '-' && arg[1])
			code = option(&a, arg);
		else if (n == args_max)
			code = usage(o, "unexpected argument \"%s\"", arg);
		else
			args[n++] = arg;
	}
	if (!code && n < args_min)
		code = usage(o, n ? "an argument is missing" : "its argument is missing");
	return code;
}

int ctl_number(const char *opt_name, const char *text, uint64_t max, uint64_t *out)
{
	if (span_u64(span_str(text), max, out) == 0)
		return 0;
	return ctl_fail(EX_USAGE, "%s %s: that is not a number from 0 to %llu; write it in digits",
			opt_name, text, (unsigned long long)max);
}

int ctl_yes_no(const char *opt_name, const char *text, bool *out)
{
	bool yes = strcmp(text, "yes") == 0;

	if (!yes && strcmp(text, "no") != 0)
		return ctl_fail(EX_USAGE, "%s %s: it is yes or no", opt_name, text);
	*out = yes;
	return 0;
}
