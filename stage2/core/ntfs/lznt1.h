/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LZNT1, the compression of NTFS: chunks of 4096 bytes, each with a 16-bit header. */
#ifndef CORE_NTFS_LZNT1_H
#define CORE_NTFS_LZNT1_H

#include <stddef.h>
#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/errors.h"

/* Unpacks one compression unit into `out`, all of whose `size` bytes are written: what the packed
 * data do not reach is zero. ERR_CORRUPT where they contradict themselves. */
MUST_CHECK enum err ntfs_lznt1_unpack(struct view packed, uint8_t *out, size_t size,
                                      struct fail *f);

#endif
