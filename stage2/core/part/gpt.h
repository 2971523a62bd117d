/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The GPT reader behind part.c. */
#ifndef CORE_PART_GPT_H
#define CORE_PART_GPT_H

#include "core/base/errors.h"

struct blk;
struct part_table;

/* Adds the partitions of the drive's GPT to `table`, from the backup where the first is damaged.
 * ERR_CORRUPT where neither is whole, with what is wrong with the first. */
MUST_CHECK enum err part_gpt_read(struct part_table *table, struct blk *drive, struct fail *f);

#endif
