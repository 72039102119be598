/*
 * broker.h - the parent's part between queued and the workers: a socket for each pair.
 *
 * queued's door is tried every 200 ms until it is there, and again whenever it was lost.  Then
 * queued is told all workers (WORKERS), and each gets a fresh socket to it (WORKER, QUEUE).
 */
#ifndef DELIVERD_BROKER_H
#define DELIVERD_BROKER_H

/* After pool_start(). */
void broker_start(void);

#endif
