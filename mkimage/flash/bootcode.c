/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "flash/bootcode.h"
#include <string.h>

extern const uint8_t blob_mbr[], blob_mbr_end[];
extern const uint8_t blob_vbr[], blob_vbr_end[];

static size_t mbr_size(void)
{
    return (size_t)(blob_mbr_end - blob_mbr);
}

bool bootcode_complete(void)
{
    return mbr_size() && mbr_size() <= MBR_CODE_MAX && blob_vbr_end - blob_vbr == VBR_SIZE &&
           stage2_size() && stage2_size() <= STAGE2_FILE_MAX;
}

void bootcode_mbr(uint8_t mbr[SECTOR_SIZE])
{
    memset(mbr, 0, MBR_CODE_MAX);
    memcpy(mbr, blob_mbr, mbr_size());
    mbr[510] = 0x55;
    mbr[511] = 0xaa;
}

void bootcode_vbr(uint8_t vbr[VBR_SIZE])
{
    memcpy(vbr, blob_vbr, BPB_START);
    memcpy(vbr + BPB_END, blob_vbr + BPB_END, VBR_SIZE - BPB_END);
    vbr[510] = 0x55;
    vbr[511] = 0xaa;
}

bool bootcode_mbr_is_ours(const uint8_t mbr[SECTOR_SIZE])
{
    uint8_t ours[SECTOR_SIZE];
    memcpy(ours, mbr, SECTOR_SIZE);
    bootcode_mbr(ours);
    return !memcmp(ours, mbr, SECTOR_SIZE);
}

bool bootcode_vbr_is_ours(const uint8_t vbr[VBR_SIZE])
{
    return !memcmp(vbr, blob_vbr, BPB_START) &&
           !memcmp(vbr + BPB_END, blob_vbr + BPB_END, 510 - BPB_END) && vbr[510] == 0x55 &&
           vbr[511] == 0xaa && !memcmp(vbr + 512, blob_vbr + 512, VBR_SIZE - 512);
}

unsigned bootcode_mbr_likeness(const uint8_t mbr[SECTOR_SIZE])
{
    unsigned same = 0, bytes = 0;
    for (size_t i = 0; i < mbr_size(); i++) {
        bytes += blob_mbr[i] != 0;
        same += blob_mbr[i] && blob_mbr[i] == mbr[i];
    }
    return bytes ? same * 100 / bytes : 0;
}
