/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A flash that boots, changed file by file. Promises: each call below is a whole: wherever it is
 * cut, the file is the old one or the new one. What is new goes to clusters that nothing refers to;
 * then the metadata follow in the order of flash/change.h.
 *
 * A rehearsal does everything but write: so a verb of several changes knows that all of them will
 * go through before it makes the first one.
 */
#ifndef MKIMAGE_FLASH_EDIT_H
#define MKIMAGE_FLASH_EDIT_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/base/file.h"
#include "core/part/format.h"
#include "flash/session.h"

struct edit {
    struct session session;
    const char *path;          /* TARGET */
    const struct device *disk; /* NULL: opened by its path */
    unsigned partition;
    bool rehearsal;
};

/* Opens TARGET with all checks that forbid writing. A block device needs --yes. */
enum status edit_open(struct edit *e, const struct options *options);

/* The same on a virtual disk that is open for writing, called `path`; it must last. */
enum status edit_open_disk(struct edit *e, const char *path, const struct device *disk,
                           unsigned partition);
void edit_close(struct edit *e);

/* Core's view again, after changes: all that was opened through e->session.target is gone. What is
 * written through stays open, so that nothing else, an automounter say, gets the device meanwhile.
 */
enum status edit_reopen(struct edit *e);

/* From now on nothing is written, until edit_end_rehearsal forgets it all. */
void edit_rehearse(struct edit *e);
void edit_end_rehearsal(struct edit *e);

/* Writes a file's content to its clusters, all of them. */
typedef enum status edit_fill(void *ctx, struct volume *v, const struct placement *p);

/* What a file holds: `front`, zeros, and `back` at its end; or, with `size` alone, what `fill`
 * writes. */
struct edit_content {
    const void *front, *back;
    uint64_t front_size, back_size, size;
    edit_fill *fill;
    void *ctx;
};

/* A new file, or new content of one that exists. `pieces` may be NULL. */
enum status edit_put(struct edit *e, const char *path, const struct edit_content *content,
                     uint32_t *pieces);

/* The same for a new file that is as well guarded as `like`: it gets that one's security
 * descriptor. */
enum status edit_put_like(struct edit *e, const char *path, const char *like,
                          const struct edit_content *content);

/* Makes a file longer by zeros, with `back` at the new end; `pieces` counts all of the file. */
enum status edit_extend(struct edit *e, const char *path, uint64_t old_size,
                        const struct edit_content *content, uint32_t *pieces);

/* Makes a file shorter, in one change. */
enum status edit_truncate(struct edit *e, const char *path, uint64_t size);

/*
 * Makes the volume as long as its partition is, in two changes: its tables and the boot record, and
 * then what is new is free. Cut in between, it counts as used. `clusters`: before and after.
 */
enum status edit_lengthen(struct edit *e, uint64_t clusters[2]);

/* Sector 0 with this content, at once. */
enum status edit_mbr(struct edit *e, const struct mbr *mbr);

enum status edit_remove(struct edit *e, const char *path);

/* Gives a file or folder these attributes (NTFS_FILE_READONLY, _HIDDEN, _SYSTEM ...) besides those
 * it has. */
enum status edit_attributes(struct edit *e, const char *path, uint32_t attributes);

/* Makes the folders of `path` that are missing. */
enum status edit_make_folders(struct edit *e, const char *path);

/* Does all that is said of the file stand in one record? Else edit_put cannot change it at once. */
enum status edit_is_simple(struct edit *e, const char *path, bool *simple);

/* Bytes of the volume that no file has. */
enum status edit_free(struct edit *e, uint64_t *bytes);

/*
 * The bytes of a file that exists, in place and at once: `list` are its extents, without holes. Not
 * in a rehearsal.
 */
bool edit_read_at(struct edit *e, const struct extent_list *list, uint64_t off, void *buf,
                  uint64_t size);
bool edit_write_at(struct edit *e, const struct extent_list *list, uint64_t off, const void *data,
                   uint64_t size);

/* What edit_write_at has written is on the drive: device_sync does nothing above an overlay, which
 * is what an edit's device has. */
bool edit_sync(struct edit *e);

#endif
