/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ctrl-C, a closed terminal and a polite kill: the program ends at once, but says before in what
 * state it leaves what it was writing to, and takes a half-made file away.
 */
#ifndef MKIMAGE_HOST_INTERRUPT_H
#define MKIMAGE_HOST_INTERRUPT_H

/* From now on `path` is in this state: a sentence that goes on after the name, with what to do.
 * Both are copied. NULL: nothing is to be said. */
void interrupt_state(const char *path, const char *state);

/* This file is taken away, too; NULL: none any more. The string stays the caller's. */
void interrupt_file(const char *path);

#endif
