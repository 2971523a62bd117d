/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VHDX's log and headers, while it is written. Promises: at each moment the file on the medium is
 * either closed or has a log from which all can be made good; a page of the tables is overwritten
 * only after the log has it on the medium.
 *
 *     begin   both headers: new ids, as the contents are about to change
 *     commit  an entry; sync; the first time both headers name the log; the pages to their places
 *     sync    and the entries before it are not needed any more
 *     end     both headers: no log
 */
#ifndef MKIMAGE_SERVE_VHDX_LOG_H
#define MKIMAGE_SERVE_VHDX_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"
#include "core/vhdx/entry.h"
#include "core/vhdx/layout.h"
#include "serve/store.h"

struct image;

struct vhdx_log {
    struct store *store;
    uint64_t offset;
    struct vhdx_header header; /* the one that counts */
    uint32_t header_offset;
    struct vhdx_ring ring;
    uint8_t id[16];
    bool begun;       /* the ids were changed */
    bool named;       /* the headers name the log */
    uint64_t flushed; /* the size that the file has on the medium */
    uint8_t *entry;   /* the one that is being made */
    uint32_t pages;   /* in it */
};

/* 0 or an errno, as all of these. */
int vhdx_log_open(struct vhdx_log *log, struct store *store, const struct vhdx_layout *layout,
                  struct fail *f);
void vhdx_log_close(struct vhdx_log *log);

/* Before the first change; does nothing later. */
int vhdx_log_begin(struct vhdx_log *log);

/* All that was written is on the medium. */
int vhdx_log_sync(struct vhdx_log *log);

/* A page that changes; what it relies on was synced. It may go out at once. */
int vhdx_log_add(struct vhdx_log *log, uint64_t file_offset, const uint8_t *page);

/* All pages that were added count from now on, whatever happens. */
int vhdx_log_commit(struct vhdx_log *log);

/* Leaves a closed file, where it was changed. */
int vhdx_log_end(struct vhdx_log *log);

/* Writes what the log of an image says to its places, and closes the file: to be done before it is
 * opened for writing. */
int vhdx_log_replay(const struct image *image, struct store *store, struct fail *f);

/* Gives a closed file the data-write id by which children know it: for one that holds what another
 * held which had that id. */
int vhdx_log_rename(const struct image *image, struct store *store, const uint8_t id[16],
                    struct fail *f);

#endif
