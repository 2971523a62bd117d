/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a child names its parent: paths as images keep them, UTF-16LE with backslashes. */
#ifndef MKIMAGE_IMAGE_WAY_H
#define MKIMAGE_IMAGE_WAY_H

#include <stddef.h>
#include <stdint.h>

/* A path; allocated, NULL where it is no UTF-8. */
uint8_t *way_text(const char *path, size_t *size);

/* The way from a child's folder to its parent; likewise. */
uint8_t *way_to_parent(const char *path, const char *parent_path, size_t *size);

#endif
