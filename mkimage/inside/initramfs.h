/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts vhdboot-attach, with its hooks, into a mounted system, and into its initramfs. */
#ifndef MKIMAGE_INSIDE_INITRAMFS_H
#define MKIMAGE_INSIDE_INITRAMFS_H

#include <stddef.h>
#include <stdint.h>
#include "cli/say.h"
#include "inside/system.h"

struct initramfs {
    int program;         /* vhdboot-attach, open */
    const uint8_t *grow; /* vhdboot-grow, which lies beside it there */
    size_t grow_size;
    int package;        /* a vhdboot-guest for dpkg instead, open; -1: none */
    char versions[256]; /* the kernels that can have it, for messages */
    const void *maker;  /* what makes an initramfs there */
};

/* Would it work? The processor, the kernels' modules, who makes an initramfs, the room. Writes
 * nothing. */
enum status initramfs_check(struct initramfs *i, const struct system *s);

/* Does it, and looks whether it is there. */
enum status initramfs_put(const struct initramfs *i, const struct system *s);

#endif
