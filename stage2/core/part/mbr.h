/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The MBR reader behind part.c. */
#ifndef CORE_PART_MBR_H
#define CORE_PART_MBR_H

struct blk;
struct mbr;
struct part_table;

/* Adds the partitions of the drive's MBR, which was read and has its signature, and the logical
 * ones, for which it reads on. */
void part_mbr_add(struct part_table *table, struct blk *drive, const struct mbr *mbr);

#endif
