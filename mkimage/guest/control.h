/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a program that changes the volume under the running root gets the drive for itself: it asks
 * the keeper, who ends the server, and starts one again when the program closes the connection or
 * dies. Requests to the disk wait meanwhile. The keeper never waits longer than a while: then it
 * kills the program first.
 */
#ifndef MKIMAGE_GUEST_CONTROL_H
#define MKIMAGE_GUEST_CONTROL_H

#include <stdbool.h>
#include <sys/types.h>

/* --- The keeper */

/* Where requests come in; -1: there can be none. */
int control_listen(void);

/* Waits for the end of the server, or a request of root's: its connection, else -1. */
int control_wait(int listener, pid_t server);

/* Tells it that the server is gone, and waits for its end. Closes the connection. */
void control_hold(int connection);

/* --- The program */

/* Returns when the server is gone: the connection, which the server comes back by being closed; -1
 * with errno set: ENOENT, ECONNREFUSED: nobody keeps a root here. The caller must need nothing of
 * that root's from before on: neither code nor files. */
int control_ask(void);

#endif
