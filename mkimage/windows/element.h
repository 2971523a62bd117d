/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A boot store's device elements: where an entry's disk is, as bytes. The virtual disk's forms are
 * those that Windows' own programs write.
 */
#ifndef MKIMAGE_WINDOWS_ELEMENT_H
#define MKIMAGE_WINDOWS_ELEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELEMENT_MAX      4096u
#define ELEMENT_PATH_MAX 255u /* UTF-16 units */

struct element {
    size_t size;
    uint8_t data[ELEMENT_MAX];
};

/* A partition, as core knows it: of a GPT disk, else of an MBR disk. */
struct bcd_level;

/* The volume that the boot manager itself was started from. */
void element_boot(struct element *e);

void element_partition(struct element *e, const struct bcd_level *partition);

/*
 * A virtual disk: the file `path` (UTF-8, from the root on) of a partition, or, where that is NULL,
 * of the first volume that has such a file. `code` is the entry's element that names the path on
 * the disk inside. False: the path is too long or no UTF-8.
 */
bool element_vhd(struct element *e, const struct bcd_level *partition, const char *path,
                 uint32_t code);

#endif
