/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cells and the checksum, for the files of this folder and for those who write hives. */
#ifndef CORE_HIVE_CELL_H
#define CORE_HIVE_CELL_H

#include "core/base/bounds.h"
#include "core/base/errors.h"

struct hive;
struct hive_header;

/* What is in the cell, at least `least` bytes: all of it, whatever is written there. Takes a step.
 */
MUST_CHECK enum err hive_cell(struct hive *h, uint32_t cell, uint32_t least, struct view *contents,
                              struct fail *f);

/* What the header's checksum must be. */
uint32_t hive_header_sum(const struct hive_header *header);

#endif
