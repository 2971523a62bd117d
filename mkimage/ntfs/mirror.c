/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compares the records as they lie there; never looks into them. */
#include "ntfs/mirror.h"
#include <string.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/ntfs/boot.h"
#include "core/ntfs/format.h"
#include "ntfs/volume.h"

static_assert(VOLUME_MIRRORED == NTFS_MIRRORED, "the same for libntfs-3g and for core");

static bool are_records(const uint8_t *records, uint32_t size)
{
    for (unsigned i = 0; i < NTFS_MIRRORED; i++) {
        const struct ntfs_block_header *head =
            (const struct ntfs_block_header *)(records + (size_t)i * size);
        if (le32_get(head->magic) != NTFS_MAGIC_FILE)
            return false;
    }
    return true;
}

/* Both copies, where the volume has two of records; false where it has not, or they are the same.
 */
struct copies {
    uint8_t mft[VOLUME_MIRRORED * NTFS_RECORD_MAX], mirror[VOLUME_MIRRORED * NTFS_RECORD_MAX];
    size_t size;
    uint64_t mirror_at;
};

static bool read_copies(const struct device *device, uint64_t start, struct copies *c)
{
    uint8_t sector[SECTOR_SIZE];
    struct ntfs_boot boot;
    struct fail f;
    if (!device_pread(device, sector, sizeof sector, start) || ntfs_boot_decode(sector, &boot, &f))
        return false; /* mounting says what is wrong, here and below */
    unsigned shift = boot.cluster_shift + SECTOR_SHIFT;
    c->size = (size_t)NTFS_MIRRORED * boot.record_size;
    c->mirror_at = start + (boot.mirror_lcn << shift);
    return device_pread(device, c->mft, c->size, start + (boot.mft_lcn << shift)) &&
           device_pread(device, c->mirror, c->size, c->mirror_at) &&
           memcmp(c->mft, c->mirror, c->size) != 0 && are_records(c->mft, boot.record_size) &&
           are_records(c->mirror, boot.record_size);
}

bool mirror_is_old(const struct device *device, uint64_t start)
{
    static struct copies c;
    return read_copies(device, start, &c);
}

enum status mirror_mend(struct device *device, uint64_t start)
{
    static struct copies c;
    if (!read_copies(device, start, &c) || device_pwrite(device, c.mft, c.size, c.mirror_at))
        return STATUS_OK;
    return device_write_failed(device);
}
