/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells NTFS from what else may start a partition; checks all figures that others compute with. */
#include "core/ntfs/boot.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/mem.h"
#include "core/ntfs/format.h"

static bool text_at(const uint8_t *sector, unsigned off, const char *text, unsigned len)
{
    return !memcmp(sector + off, text, len);
}

/* Which file system this is instead. The order matters: exFAT, BitLocker and ReFS keep their name
 * where NTFS has its own; FAT has it in one of two other places. */
static enum err other_file_system(const uint8_t *sector, struct fail *f)
{
    /* BitLocker To Go looks like FAT32 and gives itself away by this GUID. */
    static const uint8_t to_go[16] = {0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a,
                                      0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01};
    if (text_at(sector, 3, "-FVE-FS-", 8) || !memcmp(sector + 424, to_go, sizeof to_go))
        return fail(f, ERR_BITLOCKER, "the volume is encrypted with BitLocker", 0);
    if (text_at(sector, 3, "EXFAT   ", 8))
        return fail(f, ERR_NOT_NTFS, "the volume is exFAT, not NTFS", 0);
    if (text_at(sector, 3, "ReFS", 4))
        return fail(f, ERR_NOT_NTFS, "the volume is ReFS, not NTFS", 0);
    if (text_at(sector, 82, "FAT32", 5) || text_at(sector, 54, "FAT1", 4))
        return fail(f, ERR_NOT_NTFS, "the volume is FAT, not NTFS", 0);
    return fail(f, ERR_NOT_NTFS, "no NTFS boot record in the volume's first sector", 0);
}

/* Bytes of a record or index block, 0 where the field makes no sense. */
static uint32_t block_size(uint8_t field, unsigned cluster_shift, uint32_t max)
{
    uint64_t size;
    if (field >= 0x80)
        size = 0x100u - field < 32 ? (uint64_t)1 << (0x100u - field) : 0;
    else
        size = (uint64_t)field << (cluster_shift + SECTOR_SHIFT);
    return is_power_of_two(size) && size >= NTFS_STRIDE && size <= max ? (uint32_t)size : 0;
}

static enum err geometry(const struct ntfs_boot_sector *s, struct ntfs_boot *boot, struct fail *f)
{
    uint32_t sector_size = le16_get(s->sector_size);
    if (!is_power_of_two(sector_size) || sector_size < 256)
        return fail(f, ERR_CORRUPT, "the boot record says %u bytes a sector", sector_size);
    if (sector_size < SECTOR_SIZE || sector_size > 4096)
        return fail(f, ERR_UNSUPPORTED, "sectors of %u bytes are not supported", sector_size);

    uint8_t n = s->cluster_sectors;
    uint32_t sectors = n <= 0x80 ? n : n >= 0xf0 && n <= 0xfd ? 1u << (0x100 - n) : 0;
    if (!is_power_of_two(sectors))
        return fail(f, ERR_CORRUPT, "the boot record says %x sectors a cluster", n);
    if (sectors > NTFS_CLUSTER_MAX / sector_size)
        return fail(f, ERR_UNSUPPORTED, "clusters of %u sectors are larger than 2 MiB", sectors);

    unsigned sector_shift = log2_u32(sector_size) - SECTOR_SHIFT;
    boot->sector_size = (uint16_t)sector_size;
    boot->cluster_shift = log2_u32(sectors) + sector_shift;

    uint64_t total = le64_get(s->total_sectors);
    if (!total || total >> (63 - SECTOR_SHIFT - sector_shift))
        return fail(f, ERR_CORRUPT, "the boot record says %u sectors in the volume", total);
    boot->sectors = total << sector_shift;
    boot->clusters = boot->sectors >> boot->cluster_shift;
    return ERR_OK;
}

enum err ntfs_boot_decode(const uint8_t sector[512], struct ntfs_boot *boot, struct fail *f)
{
    const struct ntfs_boot_sector *s = (const struct ntfs_boot_sector *)sector;
    if (memcmp(s->oem, "NTFS    ", sizeof s->oem))
        return other_file_system(sector, f);
    if (le16_get(s->reserved) || s->fats || le16_get(s->root_entries) || le16_get(s->total16) ||
        le16_get(s->fat_size) || le32_get(s->total32))
        return fail(f, ERR_CORRUPT, "the boot record has values in FAT's fields", 0);

    enum err err = geometry(s, boot, f);
    if (err)
        return err;

    boot->record_size = block_size(s->record_clusters, boot->cluster_shift, NTFS_RECORD_MAX);
    if (!boot->record_size)
        return fail(f, ERR_CORRUPT, "the boot record says %x for the size of MFT records",
                    s->record_clusters);
    boot->index_size = block_size(s->index_clusters, boot->cluster_shift, NTFS_INDEX_MAX);
    if (!boot->index_size)
        return fail(f, ERR_CORRUPT, "the boot record says %x for the size of index blocks",
                    s->index_clusters);
    boot->mft_lcn = le64_get(s->mft_lcn);
    boot->mirror_lcn = le64_get(s->mirror_lcn);
    boot->serial = le64_get(s->serial);
    return ERR_OK;
}
