/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A flash image in memory, opened by the loader's own code, and what its virtual disks hold. Each
 * sector of a disk that the soak writes tells a tag and its own number, so that what was read can
 * be told in a few words: runs of sectors with one tag. The tag 0 is zeros.
 */
#ifndef SOAK_DISK_H
#define SOAK_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/entry/open.h"
#include "core/ntfs/ntfs.h"
#include "core/part/part.h"

#define ARENA_BYTES (256u << 20)

struct soak {
    uint8_t *bytes; /* private: what is written here is not in the file */
    uint64_t sectors;
    struct blk blk;
    struct part_table table;
    struct arena arena;

    /* The volume that is started from, and those that a path can name. */
    struct ntfs volume;
    struct volumes volumes;
};

/* Maps the file; ends the program where that cannot be. */
void soak_open(struct soak *s, const char *path);

/* Starts from this partition: mounts its volume. */
MUST_CHECK enum err soak_mount(struct soak *s, unsigned partition, struct fail *f);

/* The sector `lba` of a disk as the tag says. */
void soak_content(uint8_t *sector, uint64_t lba, uint32_t tag);

/* Runs of tags to standard output: TAG*COUNT, separated by commas; x where a sector holds anything
 * else than a tag's content for its place. */
struct soak_runs {
    uint64_t count;
    uint32_t tag;
    bool broken;
};
void soak_tell(struct soak_runs *r, uint64_t lba, const uint8_t *sector);
void soak_tell_end(struct soak_runs *r);

/* All files, entries and images of all volumes (look.c). */
int soak_look(struct soak *s);

/* One session of a guest: requests from standard input (session.c). */
int soak_session(struct soak *s, const char *path, char **argument);

#endif
