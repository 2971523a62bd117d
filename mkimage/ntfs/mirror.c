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

enum status mirror_mend(struct device *device, uint64_t start)
{
    static uint8_t mft[NTFS_MIRRORED * NTFS_RECORD_MAX], mirror[sizeof mft];
    uint8_t sector[SECTOR_SIZE];
    struct ntfs_boot boot;
    struct fail f;
    if (!device_pread(device, sector, sizeof sector, start))
        return device_read_failed(device);
    if (ntfs_boot_decode(sector, &boot, &f))
        return STATUS_OK; /* mounting says what is wrong, here and below */
    size_t size = (size_t)NTFS_MIRRORED * boot.record_size;
    unsigned shift = boot.cluster_shift + SECTOR_SHIFT;
    uint64_t to = start + (boot.mirror_lcn << shift);
    if (!device_pread(device, mft, size, start + (boot.mft_lcn << shift)) ||
        !device_pread(device, mirror, size, to) || !memcmp(mft, mirror, size) ||
        !are_records(mft, boot.record_size) || !are_records(mirror, boot.record_size))
        return STATUS_OK;
    return device_pwrite(device, mft, size, to) ? STATUS_OK : device_write_failed(device);
}
