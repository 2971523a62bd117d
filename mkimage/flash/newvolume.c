/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes straight to the device: there is nothing on it yet that a cut could harm. */
#include "flash/newvolume.h"
#include <string.h>
#include "core/base/endian.h"
#include "core/part/format.h"
#include "flash/bootcode.h"
#include "host/random.h"
#include "ntfs/place.h"

/* A sector number as cylinder, head and sector of a 255/63 geometry, or the "beyond" mark. */
static void put_chs(uint8_t chs[3], uint64_t lba)
{
    uint64_t cylinder = lba / (255 * 63);
    if (cylinder > 1023) {
        memcpy(chs, "\xfe\xff\xff", 3);
        return;
    }
    chs[0] = (uint8_t)(lba / 63 % 255);
    chs[1] = (uint8_t)(lba % 63 + 1) | (uint8_t)(cylinder >> 8 << 6);
    chs[2] = (uint8_t)cylinder;
}

enum status newvolume_signature(uint32_t *signature)
{
    do {
        if (random_fill(signature, sizeof *signature))
            return STATUS_FAILED;
    } while (!*signature);
    return STATUS_OK;
}

enum status newvolume_table(struct device *device, uint64_t start, uint64_t size,
                            uint32_t signature)
{
    struct mbr mbr = {0};
    uint64_t start_lba = start >> SECTOR_SHIFT, sectors = size >> SECTOR_SHIFT;
    bootcode_mbr(&mbr);
    mbr.disk_signature = le32_make(signature);
    mbr.entry[0] = (struct mbr_entry){.active = MBR_ACTIVE,
                                      .type = MBR_TYPE_NTFS,
                                      .start_lba = le32_make((uint32_t)start_lba),
                                      .sectors = le32_make((uint32_t)sectors)};
    put_chs(mbr.entry[0].chs_first, start_lba);
    put_chs(mbr.entry[0].chs_last, start_lba + sectors - 1);
    /* A new file is worth nothing before it is complete: it goes to the disk when the host likes.
     */
    if (!device_pwrite(device, &mbr, sizeof mbr, 0) || (device->is_block && !device_sync(device)))
        return device_write_failed(device);
    return STATUS_OK;
}

enum status newvolume_boot_record(struct device *device, uint64_t start, uint64_t size)
{
    struct boot_record vbr;
    uint64_t copy = start + size - SECTOR_SIZE;
    if (!device_pread(device, &vbr, sizeof vbr, start))
        return device_read_failed(device);
    bootcode_vbr(&vbr);
    if (!device_pwrite(device, &vbr, sizeof vbr, start) ||
        !device_pwrite(device, &vbr.first, sizeof vbr.first, copy))
        return device_write_failed(device);
    return STATUS_OK;
}

enum status newvolume_stage2(struct volume *v)
{
    struct placement p;
    enum status status = place_find(v, stage2_size(), &p);
    if (status)
        return status;
    status = place_claim(v, &p);
    if (!status)
        status = place_file(v, "\\vhdboot.bin", stage2_size(), &p);
    if (!status)
        status = place_fill_memory(v, &p, blob_stage2, stage2_size());
    placement_free(&p);
    return status;
}
