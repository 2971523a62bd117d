/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What install and restore share: a disk, opened twice. Core reads it as it is; libntfs-3g and the
 * boot code go into an overlay. */
#ifndef MKIMAGE_FLASH_SESSION_H
#define MKIMAGE_FLASH_SESSION_H

#include "flash/bootcode.h"
#include "flash/change.h"
#include "ntfs/place.h"
#include "cli/options.h"

struct session {
    struct target target;
    struct disk disk; /* writes to it end in the overlay */
    struct overlay overlay;
    uint64_t copy_lba;
    struct volume_zone *zones;
    unsigned zone_count;
};

/* Opens the target with all checks that forbid writing: busy, dirty, hibernated, BitLocker. */
enum status session_open(struct session *s, const char *path, unsigned partition);
void session_close(struct session *s);

/* Notes in which order sectors are to be written: `p` are new clusters, which come first. */
enum status session_note_zones(struct session *s, struct volume *v, const struct placement *p);

/* Does the boot record have its 16 sectors at the start of the volume? */
enum status session_check_boot_file(struct session *s);

/* \vhdboot.bin with this content, or, with BACKUP_NO_FILE for its size, none; into the overlay. */
enum status session_stage2(struct session *s, const void *data, uint64_t size);

/* The boot record and its copy, into the overlay. */
enum status session_vbr(struct session *s, const uint8_t vbr[VBR_SIZE]);

#endif
