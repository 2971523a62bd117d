/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is the image's room for new blocks coming to its end? Said once at a tenth of the most that there
 * was since the start, and once when nothing is left; again only after there was much more.
 */
#ifndef MKIMAGE_GUEST_ROOM_H
#define MKIMAGE_GUEST_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum room_level { ROOM_ENOUGH, ROOM_LOW, ROOM_NONE };

/* Outlives the server that looks, so that the next one does not say it again. */
struct room {
    uint64_t most;
    enum room_level said;
};

/* `limited`: the disk can need more than the `left` bytes. What is to be said now; ROOM_ENOUGH:
 * nothing. */
enum room_level room_look(struct room *r, bool limited, uint64_t left);

/* The sentence for it. */
void room_sentence(enum room_level level, uint64_t left, char *text, size_t size);

#endif
