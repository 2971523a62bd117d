/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a process behaves that a file system stands on: nothing that ends other processes ends it,
 * and it never waits for memory that only its own disk could give back.
 */
#ifndef MKIMAGE_ATTACH_DAEMON_H
#define MKIMAGE_ATTACH_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Forks. In the child: 0, and `*word` is what daemon_ready() takes. In the parent: once the child
 * has said that it is ready, or has ended, its number, and `*word` is what it said; -1 where it
 * ended without a word, or could not be started (errno, ECHILD: it ended).
 */
pid_t daemon_fork(int *word);

/* The child goes on alone: a session of its own, no terminal, nothing open but what it opened. */
void daemon_ready(int channel, int word);

/*
 * For the process that serves, before its threads start and with its disk open: no signal of a
 * shutdown ends it, systemd leaves it alone (a name that begins with @), the kernel neither kills
 * it for memory nor lets it wait for its own disk, and what it has in memory stays there. What the
 * kernel does not let it do it goes without.
 */
void daemon_settle(void);

/* A line for the kernel's log, which is there before and after all others. Allocates nothing. */
void daemon_log(const char *name, const char *sentence);

/* The same for what is no failure yet. */
void daemon_warn(const char *name, const char *sentence);

#endif
