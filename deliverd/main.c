/*
 * main.c - deliverd, the parent: starts the workers and joins them with queued.
 *
 * Rights: see README.md.  It opens no network connection and reads no mail.
 */
#include <signal.h>
#include <sodium.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "deliverd/broker.h"
#include "deliverd/pool.h"

static struct conf *conf;

static void on_stop(int signo)
{
	(void)signo;
	pool_stop();
}

/* deliver.workers is looked at only at the start. */
static void on_reload(int signo)
{
	(void)signo;
	if (proc_conf_reload(&conf))
		pool_signal(SIGHUP);
}

int main(void)
{
	proc_init("deliverd");
	proc_not_root();
	conf = proc_conf_load();
	if (sodium_init() < 0)
		die(EX_SOFTWARE, "libsodium cannot be initialised");
	loop_init();
	loop_on_signal(SIGTERM, on_stop);
	loop_on_signal(SIGINT, on_stop);
	loop_on_signal(SIGHUP, on_reload);
	pool_start(conf->deliver_workers ? conf->deliver_workers : proc_cpus(), &conf);
	broker_start();
	proc_ready();
	loop_run();
	return 0;
}
