/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slack: zeros before the footer of a dynamic or differencing VHD, where the loader puts new blocks
 * (core/vhd/slack.h). Here is how much an image gets, and how long its file becomes.
 */
#ifndef MKIMAGE_IMAGE_SLACK_H
#define MKIMAGE_IMAGE_SLACK_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/say.h"
#include "core/base/arena.h"
#include "core/base/image.h"
#include "core/vhd/format.h"
#include "core/vhd/slack.h"

struct slack {
    struct vhd_slack now;
    uint32_t absent;    /* blocks of the disk that are not stored: more slots are of no use */
    uint64_t file_size; /* bytes, as it is */
    uint64_t zero_from; /* bytes: from here to the footer all is known to be zeros, but for a note
                         * and what the first slot may hold (core/vhd/slack.h) */
    uint8_t footer[VHD_FOOTER_SIZE];
};

/* Can the image get new blocks at all? Says why not: format, kind, damage, saved state. */
enum status slack_allowed(const struct image *image);

/* The same without a word. */
bool slack_grows(const struct image *image);

/* May the image be written in place? Says why not. */
enum status slack_may_write(const struct image *image);

/* Looks at a dynamic or differencing VHD. */
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

/* What stands at the end of a file of `size` bytes that got slack: the note (core/vhd/format.h)
 * that all from byte `first` on is zeros, then the footer. */
struct slack_tail {
    struct vhd_note note;
    uint8_t footer[VHD_FOOTER_SIZE];
};
void slack_tail_make(struct slack_tail *tail, const struct slack *s, uint64_t first, uint64_t size);

/* What stood at the end before, and must become zeros: from the byte that is returned on to the end
 * of the old file. */
uint64_t slack_old_tail(const struct slack *s);

/* Says that slack_size has none for so many slots, and what to do about it. */
enum status slack_too_large(const char *path, const char *advice);

/* The default where an image is given slack without being told how much: all that the disk may
 * still need, half of the volume's free space, 4 GiB, whichever is least. */
uint32_t slack_default(const struct slack *s, uint64_t volume_free);

/* "512 MiB (256 blocks)" in a static buffer. */
const char *slack_text(const struct slack *s, uint32_t slots);

#endif
