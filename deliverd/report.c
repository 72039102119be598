/*
 * report.c - the RESULT of an attempt and its timings.
 */
#include "deliverd/attempt.h"

static uint32_t *account_of(struct attempt *a, const char *stage)
{
	const struct {
		const char *stage;
		uint32_t *ms;
	} accounts[] = {
		{"resolve", &a->dns_ms}, {"connect", &a->connect_ms}, {"banner", &a->connect_ms},
		{"ehlo", &a->mail_ms},	 {"tls", &a->tls_ms},	      {"sign", &a->sign_ms},
		{"mail", &a->mail_ms},	 {"rcpt", &a->mail_ms},	      {"data", &a->data_ms},
		{"dot", &a->data_ms},	 {"auth", &a->mail_ms},
	};

	for (size_t i = 0; i < ARRAY_LEN(accounts); i++)
		if (strcmp(accounts[i].stage, stage) == 0)
			return accounts[i].ms;
	return NULL;
}

void report_stage(struct attempt *a, const char *stage)
{
	struct mono now = mono_now();
	uint32_t *account = account_of(a, a->stage);

	must(account != NULL);
	*account += (uint32_t)(now.ms - a->mark.ms);
	a->mark = now;
	a->stage = stage;
}

void report_make(struct attempt *a, const struct outcome *o, struct ipc_result *out)
{
	const struct route_hop *hop = a->hop < a->route.hop_n ? &a->route.hop[a->hop] : NULL;

	report_stage(a, a->stage);
	*out = (struct ipc_result){
		.copy = a->copy,
		.attempt = a->number,
		.kind = (uint8_t)o->kind,
		.uncertain = a->conn && a->conn->talking && a->conn->client.uncertain,
		.corrupt = a->corrupt,
		.code = o->code,
		.status = span_str(o->status),
		.text = span_str(o->text),
		.stage = span_str(a->stage),
		.tls = span_str(a->tls),
		.tls_note = span_str(a->tls_note),
		.smtp = convo_text(&a->convo),
		.signed_by = span_str(a->signed_by),
		.started_ms = (uint64_t)a->started.ms,
		.dns_ms = a->dns_ms,
		.connect_ms = a->connect_ms,
		.tls_ms = a->tls_ms,
		.sign_ms = a->sign_ms,
		.mail_ms = a->mail_ms,
		.data_ms = a->data_ms,
		.bytes = a->content.sent,
	};
	if (hop && a->route.state == ROUTE_FOUND) {
		out->host = span_str(hop->host);
		out->ip = span_str(hop->ip);
		out->port = hop->port;
	}
}

void report_returned(uint64_t copy, uint32_t attempt, struct ipc_result *out)
{
	*out = (struct ipc_result){
		.copy = copy,
		.attempt = attempt,
		.kind = OUTCOME_TEMP,
		.returned = 1,
		.status = SPAN_LIT("4.3.2"),
		.text = SPAN_LIT("the delivery worker is stopping"),
		.stage = SPAN_LIT("resolve"),
		.started_ms = (uint64_t)wall_now().ms,
	};
}
