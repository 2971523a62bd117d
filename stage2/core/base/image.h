/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual disk image as the chain sees it: which sectors of the disk it stores, and where in its
 * file. vhd/, vhdx/ and raw/ fill one in; none knows another, nor NTFS, nor the parent's contents.
 */
#ifndef CORE_BASE_IMAGE_H
#define CORE_BASE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"

struct arena;
struct file;
struct image_block;
struct image_slack;

enum image_format { IMAGE_VHD, IMAGE_VHDX, IMAGE_RAW };
enum image_kind { IMAGE_FIXED, IMAGE_DYNAMIC, IMAGE_DIFFERENCING };

/* Has a child's content been written into the image, and how far? The more the further. */
enum image_merge {
    IMAGE_MERGE_NONE,
    IMAGE_MERGE_UNDER_WAY, /* the image holds a part of it: only through the child is it a disk */
    IMAGE_MERGE_COMPLETE,  /* all of it; the menu and the child may not have followed yet */
};

/* What an image says of a run of sectors of the disk. */
enum image_state {
    IMAGE_DATA,   /* stored in the file, from file_sector on */
    IMAGE_ZERO,   /* zeros, whatever a parent says */
    IMAGE_ABSENT, /* not stored: the parent's contents, or zeros where there is none */
};

struct image_run {
    enum image_state state;
    uint64_t count;       /* sectors, > 0, up to the end of the disk at most */
    uint64_t file_sector; /* IMAGE_DATA: where the first one lies in the file */
    bool in_place;        /* IMAGE_DATA: overwriting the sectors there is all that a write takes; no
                           * table of the image says anything of them that would change. Whether the
                           * image may be written at all is not asked here */
};

/* Where an image says that its parent lies; the order in image.parent is the order to try. */
struct image_parent {
    const char *source; /* what named it: "W2ru", "MacX", "relative_path", "header name" … */
    bool relative;      /* to the child's folder; else to the volume's root */
    const char *path;   /* UTF-8, in the arena; drive letter or volume name stripped; may hold .. */
};

#define IMAGE_PARENTS_MAX 12

struct image {
    struct file *file;
    enum image_format format;
    enum image_kind kind;
    uint64_t sectors;          /* size of the disk */
    uint32_t block_size;       /* bytes; 0 for a fixed VHD and a raw disk */
    uint64_t allocated;        /* bytes of blocks that the file stores; 0 until `check` has run */
    uint8_t id[16];            /* VHD: unique id; VHDX: data-write GUID; raw: zeros, it has none */
    char creator[8];           /* VHD: creator application, printable; VHDX: empty */
    uint32_t timestamp;        /* VHD: seconds since 2000-01-01 UTC, by the footer */
    uint32_t parent_timestamp; /* and what a child noted down of its parent: its footer's or its
                                  file's */
    uint16_t cylinders;        /* VHD: the footer's ATA geometry; nothing relies on it */
    uint8_t heads, track_sectors;
    bool read_only; /* must not be written; a note says why */
    bool damaged;   /* a structure that is there twice is good only once: the image can be
                     * read, and `damage` is among its notes */
    struct {
        const char *sentence; /* static; %u stands for value */
        uint64_t value;
    } damage;
    bool saved_state;       /* VHD: a suspended virtual machine goes on with this disk */
    enum image_merge merge; /* of the child whose merge_id is merge_child */
    uint8_t merge_child[16];
    uint8_t merge_id[16]; /* lasts while the image is written to. VHD: the unique id; VHDX: zeros
                           * until it is first merged */
    uint8_t parent_id[2][16]; /* IMAGE_DIFFERENCING: the ids of which its parent must have one */
    unsigned parent_ids;      /* how many of them there are */
    unsigned parent_count;
    struct image_parent parent[IMAGE_PARENTS_MAX];
    struct notes notes;
    void *ctx; /* the format's own state, in the arena */

    /* The longest run at `lba` (< sectors) that is alike; it may end earlier, but never later,
     * than the state changes. Allocates nothing. */
    enum err (*run)(struct image *image, uint64_t lba, struct image_run *run, struct fail *f);

    /* Walks the whole block table: fills in `allocated`, fails at the first entry that `run` would
     * refuse and at blocks that lie over each other. Open has done it already where the table is
     * small; NULL where there is nothing to walk. Gives its memory back to `a`. */
    enum err (*check)(struct image *image, struct arena *a, struct fail *f);

    /* The next three (growth.h) are NULL where the image never gets new blocks. `slack` walks the
     * block table where opening the image has not. ERR_UNSUPPORTED where the table lies so that no
     * block can be added. */
    enum err (*slack)(struct image *image, struct image_slack *slack, struct fail *f);

    /* One block (< the disk's blocks). */
    enum err (*block)(struct image *image, uint32_t block, struct image_block *found,
                      struct fail *f);

    /* Differencing VHDX, else NULL: where sector bitmap `chunk` (< slack.chunks) lies in the file;
     * 0: there is none. */
    enum err (*bitmap)(struct image *image, uint32_t chunk, uint32_t *sector, struct fail *f);
};

/* "fixed VHD", "dynamic VHDX", "raw disk" … */
const char *image_kind_name(const struct image *image);

/* Notes down what is damaged of a structure that is there twice; the first such counts. */
void image_note_damage(struct image *image, const char *sentence, uint64_t value);

/* Adds a place to look for the parent, behind those that are there; not twice, and none where there
 * is no room. `path` stays in use. */
void image_parent_add(struct image *image, const char *source, bool relative, const char *path);

/* Adds a path as Windows writes it: C:\x, \\?\C:\x, \\?\Volume{..}\x and \x count from the root of
 * the child's volume, all others from the child's folder (Xen's tools write such a path where an
 * absolute one belongs). What lies on another machine (\\server\share) is no place to look. */
void image_parent_add_windows(struct image *image, const char *source, const char *path);

/* Adds the last part of any path, in the child's folder: for images that were moved together. */
void image_parent_add_beside(struct image *image, const char *source, const char *path);

#endif
