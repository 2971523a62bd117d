/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file as it would be once its log was replayed: its own bytes under the log's pages. */
#ifndef CORE_VHDX_PAGES_H
#define CORE_VHDX_PAGES_H

#include <stdint.h>
#include "core/base/errors.h"

struct vhdx;
struct vhdx_page;

/* Reads the file so; zeros between the file's end and v->size. */
MUST_CHECK enum err vhdx_read(struct vhdx *v, uint64_t off, void *buf, uint32_t len,
                              struct fail *f);

/* The first of the log's pages with this number or a higher one; NULL: none. */
const struct vhdx_page *vhdx_page_find(const struct vhdx *v, uint64_t number);

#endif
