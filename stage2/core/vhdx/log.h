/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log of a VHDX that was not closed. */
#ifndef CORE_VHDX_LOG_H
#define CORE_VHDX_LOG_H

#include "core/base/errors.h"

struct arena;
struct vhdx;
struct vhdx_header;

/* Makes v->page and v->size from the log of `header`. */
MUST_CHECK enum err vhdx_log_load(struct vhdx *v, const struct vhdx_header *header, struct arena *a,
                                  struct fail *f);

#endif
