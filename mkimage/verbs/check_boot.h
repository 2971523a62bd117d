/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first steps of mkimage check: what a BIOS, our MBR and our boot record look at. */
#ifndef MKIMAGE_VERBS_CHECK_BOOT_H
#define MKIMAGE_VERBS_CHECK_BOOT_H

#include <stdbool.h>
#include "cli/steps.h"
#include "flash/gap.h"
#include "flash/target.h"

/* Would the MBR start TARGET's partition? Asks for a device whose partition table was read. */
void check_boot_mbr(struct steps *s, struct target *t);

/* Is the partition's boot record ours? `mounted`: its volume is, too. */
void check_boot_vbr(struct steps *s, struct target *t, bool mounted);

/* vhdboot.bin of the mounted volume, as the boot record takes it: the whole file, its header, its
 * sum. */
void check_boot_stage2(struct steps *s, struct target *t);

/* vhdboot.bin outside of the volumes. */
void check_boot_gap_file(struct steps *s, struct target *t, const struct gap *gap);

#endif
