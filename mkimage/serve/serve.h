/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual disk, served to programs of an operating system: read and written through the same core
 * as the loader's, with new blocks. The faces (an nbdkit plugin, a block device, verbs) stand on
 * it.
 *
 * Promises: any number of threads may call at once; what was flushed is there after any cut, and of
 * what was not, each sector is as it was or as it was written; nothing is allocated after opening;
 * an image on an NTFS volume is written in its own clusters only, and NTFS is never changed.
 */
#ifndef MKIMAGE_SERVE_SERVE_H
#define MKIMAGE_SERVE_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/say.h"
#include "core/chain/chain.h"
#include "core/entry/config.h"
#include "serve/store.h"

struct above;
struct device;
struct serve;

struct serve_options {
    const char *file;         /* a file of the host, or TARGET:/path; NULL: an entry of `target` */
    const char *target;       /* with `file`: the path lies on its volume */
    const char *entry;        /* NULL: the default one */
    unsigned partition;       /* 0: pick one */
    const char *const *drive; /* the machine's further disks, which parents may lie on */
    unsigned drives;
    enum write_mode write;
    bool write_of_entry; /* as the entry says instead, where it is one */
    bool alone;          /* an image that is the parent of others is not written */
    bool direct;         /* past the host's page cache; refused where that cannot be */
    bool direct_if_able; /* the same, but not refused */
    bool hasten;         /* a file that is written once, from one thread: store_hasten() */
};

/* Opens, and locks the files as QEMU does. An image that cannot be written as asked is a failure
 * that says why. NULL with the reason in `f`. */
struct serve *serve_open(const struct serve_options *options, struct fail *f);

/* Says why that was, with what to do on a host; nothing where it was said already. Returns
 * STATUS_FAILED. */
enum status serve_say(const struct fail *f);

/* An image that is open: `store` has one for each link of the chain, and they become the engine's,
 * as does the leaf's image where it is written. For serve_open() and tests. */
struct serve *serve_start(struct chain *chain, struct store *const *store, enum write_mode write,
                          struct fail *f);

/* Lays `above` over a disk that was opened with WRITE_NONE; it becomes the engine's. */
void serve_put_above(struct serve *s, struct above *above);

/* A disk that is nothing else. NULL with the reason in `f`: `above` stays the caller's then. */
struct serve *serve_above_only(struct above *above, uint64_t sectors, struct fail *f);

/* Flushes, closes the image, frees all. 0 or an errno: what was not flushed may be lost then. */
int serve_close(struct serve *s, struct fail *f);

uint64_t serve_size(const struct serve *s);
bool serve_writable(const struct serve *s);

/* How it is written: as the options said, or the entry. */
enum write_mode serve_write_mode(const struct serve *s);

/* The drive of the volume that the image is written on, which nobody else may open meanwhile; NULL:
 * it is not written, or is a file of the host. */
struct device *serve_drive(const struct serve *s);

/* "fixed VHD" … */
const char *serve_kind(const struct serve *s);

/* The functions below take bytes, aligned or not, and return 0 or an errno with a sentence in `f`.
 * They fit for requests that take whole sectors. */
int serve_read(struct serve *s, void *buf, size_t len, uint64_t off, struct fail *f);
int serve_write(struct serve *s, const void *buf, size_t len, uint64_t off, struct fail *f);

/* Makes a range zeros. `hole`: the space may be given back. */
int serve_zero(struct serve *s, uint64_t len, uint64_t off, bool hole, struct fail *f);

/* The range is not needed any more: what was stored there reads as zeros, or, as what a parent
 * stores, as before. */
int serve_trim(struct serve *s, uint64_t len, uint64_t off, struct fail *f);

int serve_flush(struct serve *s, struct fail *f);

/* Has anything been written that no flush has made lasting? */
bool serve_owes(struct serve *s);

/* Flushes every so many seconds what is owed, in a thread of this process (after its last fork),
 * until it is closed. A failure is the next flush's. 0 or an errno. */
int serve_keep(struct serve *s, unsigned seconds, struct fail *f);
/* From now on whatever is answered is owed to nobody: should this process die, one that opens the
 * disk anew finds all of it. A change of the tables costs a flush then. */
void serve_write_through(struct serve *s);

/* Can the disk need more new blocks than the image has room for? *left: bytes of that room. */
bool serve_room(struct serve *s, uint64_t *left);

/* What lies at `off` (< size), for `*len` bytes: data, or zeros that nothing is stored for. */
int serve_extent(struct serve *s, uint64_t off, uint64_t *len, bool *zero, struct fail *f);

#endif
