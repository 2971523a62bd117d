/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the footer of a VHD file and says which of the two counts. */
#ifndef CORE_VHD_FOOTER_H
#define CORE_VHD_FOOTER_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"
#include "core/base/image.h"
#include "core/vhd/format.h"

struct file;

enum vhd_footer_state { VHD_FOOTER_NONE, VHD_FOOTER_BAD_SUM, VHD_FOOTER_GOOD };

struct vhd_footers {
    struct vhd_footer footer; /* the one that counts; valid where vhd_footer_choose succeeded */
    enum vhd_footer_state end, copy;
    uint64_t end_offset; /* where the footer at the end lies, or should lie */
    uint64_t written;    /* the file's initialised size, where it ends before the footer; else 0 */
    bool short_footer;   /* 511 bytes */
    bool copy_used;      /* the end is damaged */
    bool copies_differ;  /* both are good, but not equal */
    enum image_merge merge; /* by both */
    uint8_t merge_child[16];
};

/* The checksum of a structure whose checksum field is at `sum_offset`. */
uint32_t vhd_checksum(const void *data, uint32_t size, uint32_t sum_offset);

/* Is `size` bytes at `data` one structure whose checksum field at `sum_offset` is right? */
bool vhd_checksum_ok(const void *data, uint32_t size, uint32_t sum_offset);

/* Looks at the footer at the end and, unless that is of a fixed disk, at the copy. ERR_READ only;
 * a file without any footer is no failure here. */
MUST_CHECK enum err vhd_footer_find(struct vhd_footers *footers, struct file *file, struct fail *f);

/* Refuses, with the reason, a file where no footer counts. */
MUST_CHECK enum err vhd_footer_choose(const struct vhd_footers *footers, struct fail *f);

#endif
