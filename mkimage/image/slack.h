/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slack: zeros behind the last block of a dynamic or differencing image, where the loader puts new
 * blocks (core/base/growth.h); in a VHD they are in front of its footer, in a VHDX at its file's
 * end. Here is how much an image gets, how long its file becomes, and what else must be written.
 */
#ifndef MKIMAGE_IMAGE_SLACK_H
#define MKIMAGE_IMAGE_SLACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/say.h"
#include "core/base/arena.h"
#include "core/base/growth.h"
#include "core/base/image.h"
#include "core/base/note.h"
#include "core/vhd/format.h"

struct slack {
    struct image_slack now; /* behind the sector bitmaps that are to come */
    enum image_format format;
    uint32_t absent;    /* blocks of the disk that are not stored: more slots are of no use */
    uint32_t bitmaps;   /* differencing VHDX: sector bitmaps that it lacks; slack goes with them */
    uint64_t bitmap_at; /* bytes: where the first of them goes */
    uint64_t file_size; /* bytes, as it is */
    uint64_t zero_from; /* bytes: from here to the end or footer all is known to be zeros, but for a
                         * note and what the first slot may hold (core/base/growth.h) */
    uint8_t id[16];     /* what a note about the slack names */
    uint8_t footer[VHD_FOOTER_SIZE]; /* VHD */
};

/* Can the image get new blocks at all? Says why not: format, kind, damage, saved state. */
enum status slack_allowed(const struct image *image);

/* The same without a word. */
bool slack_grows(const struct image *image);

/* May the image be written in place? Says why not. */
enum status slack_may_write(const struct image *image);

/* Looks at an image that can get new blocks. */
MUST_CHECK enum err slack_find(struct slack *s, struct image *image, struct arena *a,
                               struct fail *f);

/* The same, and says what failed. */
enum status slack_look(struct slack *s, struct image *image, struct arena *a);

/* Slots that blocks could still go into: those that are there and are of use. */
uint32_t slack_left(const struct slack *s);

/* Slots to add for `bytes` of new data, no more than are of use. */
uint32_t slack_wanted(const struct slack *s, uint64_t bytes);

/* How many of them `bytes` of a volume hold. */
uint32_t slack_fitting(const struct slack *s, uint64_t bytes);

/* The file's size with `add` more slots; 0 where a BAT cannot name them all. */
uint64_t slack_size(const struct slack *s, uint32_t add);

/* The slack of an image that is new, now that its file has been made with `slots` slots. */
void slack_placed(struct slack *s, uint32_t slots);

/* What stands at the end of a file of `size` bytes that got slack: a note (core/base/note.h) that
 * all from byte `first` on is zeros, and a VHD's footer behind it. */
struct slack_tail {
    struct slack_note note;
    uint8_t footer[VHD_FOOTER_SIZE];
};
void slack_tail_make(struct slack_tail *tail, const struct slack *s, uint64_t first, uint64_t size);

/* How many bytes of it stand there, and how many of those are its footer's. */
uint64_t slack_tail_size(const struct slack *s);
uint64_t slack_footer_size(const struct slack *s);

/* What stood at the end before, and must become zeros: *size bytes, slack_tail's at the most, from
 * the byte that is returned on. */
uint64_t slack_old_tail(const struct slack *s, uint64_t *size);

/* Reads or writes a part of the image's file. */
typedef bool slack_io(void *ctx, uint64_t off, void *buf, size_t size, bool write);

/* Names the sector bitmaps that a differencing VHDX lacks in its BAT: when zeros lie there. The
 * blocks that they are for are those of the parents, so nothing else changes. */
bool slack_bitmaps_link(const struct slack *s, slack_io *io, void *ctx);

/* Says that slack_size has none for so many slots, and what to do about it. */
enum status slack_too_large(const char *path, const char *advice);

/* The default where an image is given slack without being told how much: all that the disk may
 * still need, half of the volume's free space, 4 GiB, whichever is least. */
uint32_t slack_default(const struct slack *s, uint64_t volume_free);

/* "512 MiB (256 blocks)" in a static buffer. */
const char *slack_text(const struct slack *s, uint32_t slots);

#endif
