/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where new blocks of a VHD go: into its slack, then, where the file may grow, behind its end. The
 * footer moves out of the way first: it is on the medium at the new end before the old one is
 * overwritten, so that at each moment there is a footer at the end of the file.
 */
#ifndef MKIMAGE_SERVE_SLOTS_H
#define MKIMAGE_SERVE_SLOTS_H

#include <stdint.h>
#include "core/base/errors.h"
#include "core/base/growth.h"
#include "serve/recycle.h"
#include "serve/store.h"

struct slots {
    struct store *store;
    uint32_t size, stride; /* sectors of a slot, and from one to the next */
    uint64_t next;         /* sector of the first slot that was never used */
    uint64_t limit;        /* bytes: the footer starts here */
    uint64_t zero_from;    /* bytes: from here to the footer the file is zeros */
    bool noted;            /* in front of it stands a note that the slack is zeros */
    bool grew;
    struct recycle recycle;
    uint8_t footer[512];
};

/* 0 or an errno. */
int slots_open(struct slots *s, struct store *store, const struct image_slack *slack,
               struct fail *f);
void slots_close(struct slots *s);

/* Takes away a note that the slack is zeros: before something is written there, or a block gets out
 * of use that may lie at its start. */
int slots_forget_note(struct slots *s, struct fail *f);

/* A place for a block: the sector where it starts. What of it may hold something else than zeros is
 * [start, *dirty_end) in bytes. */
int slots_take(struct slots *s, uint32_t *start, uint64_t *dirty_end, struct fail *f);

/* How many places there are without growing. */
uint64_t slots_left(const struct slots *s);

/* Takes off the end of the file what growing has put there and no block uses; `used_end` is where
 * the last block and all tables end, in bytes. */
int slots_trim(struct slots *s, uint64_t used_end, struct fail *f);

#endif
