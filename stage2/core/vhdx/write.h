/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has to change in a VHDX before blocks that are fully present may be overwritten in place:
 * its header, once. Never writes itself; promises that a write of the page that is torn, or never
 * happens, leaves the file as valid as it was.
 */
#ifndef CORE_VHDX_WRITE_H
#define CORE_VHDX_WRITE_H

#include <stdint.h>
#include "core/base/errors.h"

struct image;

/*
 * The header that says that the file and the disk's contents are about to change, and where in the
 * file it goes: over the header that does not count. `seed` is to be as random as can be had; with
 * the same one again the ids still differ from one call's header to the next. Fails where the log
 * has not been replayed, or the image is otherwise marked read-only.
 */
MUST_CHECK enum err vhdx_header_next(const struct image *image, const uint8_t seed[16],
                                     uint8_t page[4096], uint64_t *file_offset, struct fail *f);

#endif
