/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Adds slack to an image of a flash. Promises: wherever it is cut, the image is a valid one. */
#ifndef MKIMAGE_FLASH_GROW_H
#define MKIMAGE_FLASH_GROW_H

#include <stdint.h>
#include "cli/say.h"
#include "core/base/file.h"
#include "flash/edit.h"
#include "image/slack.h"

/*
 * Gives the image at `path`, whose extents are `list`, `add` more slots; `pieces` may be NULL. In a
 * rehearsal only what the volume has to say is found out. Afterwards core sees the old file until
 * edit_reopen.
 */
enum status grow_slots(struct edit *e, const char *path, const struct slack *s, uint32_t add,
                       const struct extent_list *list, uint32_t *pieces);

/* When that is done and the file was opened afresh, so that `list` has all of it: the note that the
 * slack holds zeros. */
enum status grow_note(struct edit *e, const struct slack *s, uint32_t add,
                      const struct extent_list *list);

#endif
