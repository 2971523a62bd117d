/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this system was started from: the boot table that vhdboot left in memory
 * (core/entry/format.h), a copy of it in a file, or the kernel's command line. Only reads.
 */
#ifndef MKIMAGE_GUEST_FOUND_H
#define MKIMAGE_GUEST_FOUND_H

#include <stdbool.h>
#include "core/entry/boottable.h"

enum found_in {
    FOUND_NOTHING, /* not started by vhdboot */
    FOUND_MEMORY,
    FOUND_FILE,         /* the kernel is locked down: the copy that the initramfs holds */
    FOUND_COMMAND_LINE, /* vhdboot=SERIAL:\path: of the volume only its serial number is known */
};

#define FOUND_COPY "/etc/vhdboot/table" /* in the initramfs */
#define FOUND_LEFT "/run/vhdboot/table" /* what this system's root was attached by (left.h) */

struct found {
    enum found_in in;
    struct boottable table;
    uint8_t *bytes; /* the table's own, with its strings */
    uint32_t size;
    uint64_t handler; /* physical address of its segment; FOUND_MEMORY only */
};

/* Looks in `memory` (/dev/mem, or a file with the contents of one), then, where that may not be
 * read, for a copy, and at the command line, which counts before the copy. ERR_OK also where there
 * is nothing. */
MUST_CHECK enum err found_look(struct found *found, const char *memory, struct fail *f);
void found_free(struct found *found);

#endif
