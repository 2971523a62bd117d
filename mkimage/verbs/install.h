/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What install and restore share: a disk, opened twice. Core reads it as it is; libntfs-3g and the
 * boot code go into an overlay. */
#ifndef MKIMAGE_VERBS_INSTALL_H
#define MKIMAGE_VERBS_INSTALL_H

#include "flash/bootcode.h"
#include "flash/change.h"
#include "ntfs/place.h"
#include "cli/options.h"

struct install {
    struct target target;
    struct disk disk; /* writes to it end in the overlay */
    struct overlay overlay;
    uint64_t copy_lba;
    struct volume_zone *zones;
    unsigned zone_count;
};

/* Opens the target with all checks that forbid writing: busy, dirty, hibernated, BitLocker. */
enum status install_open(struct install *in, const char *path, unsigned partition);
void install_close(struct install *in);

/* Notes in which order sectors are to be written: `p` are new clusters, which come first. */
enum status install_note_zones(struct install *in, struct volume *v, const struct placement *p);

/* Does the boot record have its 16 sectors at the start of the volume? */
enum status install_check_boot_file(struct install *in);

/* \vhdboot.bin with this content, or, with BACKUP_NO_FILE for its size, none; into the overlay. */
enum status install_stage2(struct install *in, const void *data, uint64_t size);

/* The boot record and its copy, into the overlay. */
enum status install_vbr(struct install *in, const uint8_t vbr[VBR_SIZE]);

#endif
