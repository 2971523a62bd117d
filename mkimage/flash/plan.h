/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes on a flash and where: everything that can be known, and refused, before OUTPUT is
 * touched. */
#ifndef MKIMAGE_FLASH_PLAN_H
#define MKIMAGE_FLASH_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/entry/config.h"
#include "flash/origin.h"
#include "host/sha256.h"
#include "image/slack.h"
#include "ntfs/place.h"

#define FLASH_START_LBA  2048u
#define FLASH_IMAGES_MAX 256

struct flash_image {
    const char *source;      /* on the host */
    char *path;              /* on the volume, with backslashes */
    char *real;              /* the source's absolute path, a volume's path behind a colon */
    int fd;                  /* a file of the host; else -1 */
    struct timespec changed; /* it, for the last time */
    struct origin *origin;   /* NULL: the host */
    struct file file;        /* on origin's volume */
    const uint8_t *bytes;    /* the content, where it is not the source's; or NULL */
    uint64_t size;
    /* A parent has no entry of its own, and lies where the child that led to it looks for it. */
    bool is_parent;
    unsigned child;
    struct image_parent place;
    enum image_format format;
    uint8_t id[16];
    char kind[96];         /* "fixed VHD, 20 GiB" */
    const char *no_system; /* why no BIOS starts the disk; NULL: nothing is wrong, or not known */
    struct placement placement;
    bool placed;
    bool is_written; /* an entry keeps what is written to it */
    bool is_raw;     /* a raw disk: only a config can name it */
    bool has_slack;  /* it can get new blocks, and `slack` tells what it has */
    bool grows;      /* gets slack: an entry writes to it, and it gets new blocks by that */
    struct slack slack;
    uint32_t slots; /* that it gets */
    bool summed;    /* `digest` is that of the file with so many slots */
    uint32_t summed_slots;
    uint8_t digest[SHA256_SIZE];
};

/* The image's size on the flash, slack included. */
uint64_t flash_image_size(const struct flash_image *image);

struct flash_plan {
    struct flash_image image[FLASH_IMAGES_MAX]; /* those of --vhd, then their parents */
    unsigned count;
    struct origin *origins;
    const char *label; /* of the volume */
    char *config;      /* text of \vhdboot.cfg */
    size_t config_size;
    uint64_t needed;      /* bytes that the files take */
    uint64_t needed_bare; /* without slack */
    bool is_clone;
    uint8_t *store;     /* of a clone: the content of \Boot\BCD, */
    uint32_t *store_at; /* and where in it the volume is named */
    unsigned store_places;
};

/* Opens and checks every image, reads or writes the config, decides the paths. */
enum status flash_plan(struct flash_plan *plan, const struct options *options);

/* The same for a flash that exists: no config; the first image goes to `path` where that is not
 * NULL, and slack is only for images that are to be written. */
enum status flash_plan_add(struct flash_plan *plan, const struct options *options, const char *path,
                           bool writes);
void flash_plan_free(struct flash_plan *plan);

/* The image's content to its place on the volume: it, zeros behind it, and its footer at the new
 * end instead of the old one. With `sums` the digest of all that is known then; a second flash of
 * the same image need not be summed again. Refuses a source that was changed meanwhile. */
enum status flash_image_fill(struct volume *v, struct flash_image *image, const struct placement *p,
                             bool sums);

/* Does the file hold what flash_image_fill would write, whatever slack it was given? */
enum status flash_image_is(const struct flash_image *image, struct file *file, bool *same);

/* All files of the volume of a flash that exists, to be put on another one as they are, but for
 * vhdboot's own, which are made anew. */
enum status flash_plan_clone(struct flash_plan *plan, const struct options *options,
                             const char *master);

/* Which images the entries of `config` write to; NULL: all. Slack is for those. */
void flash_plan_writers(struct flash_plan *plan, const struct config *config);

/* Ends the making of a plan: what the files take, and `others` bytes more. */
enum status flash_plan_finish(struct flash_plan *plan, uint64_t others, enum status status);

/* Forgets where the images of a flash that was made lie, and the slack that they got. */
void flash_plan_again(struct flash_plan *plan);

/* Gives every image that grows slack for so many bytes, and counts it as needed. */
enum status flash_plan_slack(struct flash_plan *plan, uint64_t bytes);

/* Shares out `room` bytes of a volume among them, at most `most` each. */
void flash_plan_share_slack(struct flash_plan *plan, uint64_t room, uint64_t most);

/* A size for an image file: what the files need, the volume's own, and room to spare. */
uint64_t flash_plan_default_size(const struct flash_plan *plan);

#endif
