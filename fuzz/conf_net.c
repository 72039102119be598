/*
 * conf_net.c - fuzz target: what reads as a network has one canonical text, which reads as the same
 * network; a wider one has it in it.
 */
#include "common/conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct conf_net *a)
{
	char text[CONF_NET_SIZE];
	struct conf_net b;

	conf_net_write(a, text);
	must(conf_net_read(span_str(text), &b) == 0);
	must(a->family == b.family && a->bits == b.bits);
	must(memcmp(a->addr, b.addr, sizeof(b.addr)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_net net;
	int err = conf_net_read(span_of(data, size), &net);

	if (err && err != -EDOM)
		return 0;
	must(net.bits <= (net.family == AF_INET ? 32 : 128));
	check_same(&net);
	while (net.bits) {
		conf_net_widen(&net, net.bits - 1);
		check_same(&net);
	}
	return 0;
}
