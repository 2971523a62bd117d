/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text of \vhdboot.sum: a heading, a line for each image, 64 digits, a blank, a blank or a
 * star, the path from the volume's root, with slashes; then another heading, and below it the
 * images that something may have written to since.
 */
#ifndef MKIMAGE_FLASH_SUMS_FORMAT_H
#define MKIMAGE_FLASH_SUMS_FORMAT_H

#define SUMS_PATH         "\\vhdboot.sum"
#define SUMS_SIZE_MAX     (1u << 20)
#define SUMS_PATH_COLUMN  66u

/* The second heading. */
#define SUMS_WRITTEN_HEAD "# Written to since, or it may be:\n"

#endif
