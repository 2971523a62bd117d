/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What bcdboot copies: the boot manager and what belongs to it, out of \Windows\Boot of the user's
 * own image. Nothing of it is ever part of this program.
 */
#ifndef MKIMAGE_WINDOWS_BOOTFILES_H
#define MKIMAGE_WINDOWS_BOOTFILES_H

#include <stdbool.h>
#include "cli/say.h"
#include "flash/edit.h"
#include "flash/target.h"

struct bootfile {
    char *path; /* on the volume that it goes to */
    uint8_t *data;
    size_t size;
    bool there; /* the volume has it already, the same byte for byte */
};

struct bootfiles {
    struct bootfile *file;
    unsigned count;
    bool modern; /* of Windows 8 or later */
};

/* Reads all of them into memory. */
enum status bootfiles_read(struct bootfiles *b, struct target *windows);
void bootfiles_free(struct bootfiles *b);

/* Finds out which lie there already; how many do not? */
unsigned bootfiles_compare(struct bootfiles *b, struct target *volume);

/* Puts those there that are not yet. All get the attributes that bcdboot gives them: who put them
 * there may have been cut off before that. */
enum status bootfiles_put(const struct bootfiles *b, struct edit *e);

#endif
