/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes of an image file, as the serving engine reads and writes them: a file of the host, or
 * clusters of an NTFS volume. All functions return 0 or an errno; read and write move all bytes or
 * fail. Any number of threads may be inside at once, as far as their ranges do not overlap, but
 * `resize` and a write beyond the end are for one alone.
 */
#ifndef MKIMAGE_SERVE_STORE_H
#define MKIMAGE_SERVE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/file.h"

struct store {
    uint64_t size; /* bytes; kept by the implementer */
    bool holes;    /* zero() with `hole` gives the space back, and costs next to nothing */
    bool unsure;   /* a sync failed: nobody knows what the medium has */
    bool grows;    /* a write beyond the end makes the file longer, and resize() works */
    void *ctx;
    int (*read)(struct store *s, void *buf, size_t len, uint64_t off);
    int (*write)(struct store *s, const void *buf, size_t len, uint64_t off);
    int (*zero)(struct store *s, uint64_t len, uint64_t off, bool hole);
    int (*sync)(struct store *s);
    int (*resize)(struct store *s, uint64_t size);
    void (*close)(struct store *s);
};

/* A file of the host; takes over `fd`. NULL: out of memory. */
struct store *store_host(int fd, uint64_t size);

/* A file on a volume: its sectors lie on the drive behind `fd`, which it takes over, as `list`
 * says, which must last. Holes read as zeros and cannot be written. */
struct store *store_volume(int fd, uint64_t size, const struct extent_list *list);

/* Reads and writes of one of the two go past the host's page cache from now on (direct.h). For a
 * store on a volume that needs a descriptor that nobody else reads by. 0 or an errno. */
int store_direct(struct store *s);

/* What is written to the file of the host is sent to the medium while more is written, not all at
 * the next sync: for one that is written once. By one thread. */
void store_hasten(struct store *s);

void store_close(struct store *s);

/* s->sync(), remembered where it fails. */
int store_sync(struct store *s);

/* Records what failed, and returns `error`: 0 is none. Where the host has no space left, or allows
 * no file of that length, that is what is said: store_full, store_long. */
int store_fail(struct fail *f, int error, const char *sentence, uint64_t value);
extern const char store_full[], store_long[];

/* The same, in these words whatever the error is. */
int store_refuse(struct fail *f, int error, const char *sentence, uint64_t value);

#endif
