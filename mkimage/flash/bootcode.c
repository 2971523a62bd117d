/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The blobs of blobs.S, joined to what belongs to a disk. Nothing here reads or writes one. */
#include "flash/bootcode.h"
#include <string.h>
#include "core/base/endian.h"

extern const uint8_t blob_mbr[], blob_mbr_end[];
extern const uint8_t blob_gap[], blob_gap_end[];
extern const uint8_t blob_gap_loader[], blob_gap_loader_end[];
extern const uint8_t blob_vbr[], blob_vbr_end[];

static size_t mbr_size(void)
{
    return (size_t)(blob_mbr_end - blob_mbr);
}

enum status bootcode_check(void)
{
    if (mbr_size() && mbr_size() <= MBR_CODE_MAX && blob_gap_end - blob_gap == MBR_CODE_MAX &&
        blob_gap_loader_end - blob_gap_loader == SECTOR_SIZE &&
        blob_vbr_end - blob_vbr == VBR_SIZE && stage2_size() && stage2_size() <= STAGE2_FILE_MAX)
        return STATUS_OK;
    return say_error("Build it again with make.", "this mkimage was built without boot code");
}

void bootcode_mbr(struct mbr *mbr)
{
    memset(mbr->code, 0, sizeof mbr->code);
    memcpy(mbr->code, blob_mbr, mbr_size());
    mbr->signature = le16_make(MBR_BOOT_SIGNATURE);
}

void bootcode_vbr_from(struct boot_record *vbr, const struct boot_record *code)
{
    struct ntfs_boot_sector own = vbr->first.bpb;
    memcpy(own.jump, code->first.bpb.jump, sizeof own.jump);
    *vbr = *code;
    vbr->first.bpb = own;
}

void bootcode_vbr(struct boot_record *vbr)
{
    bootcode_vbr_from(vbr, (const struct boot_record *)blob_vbr);
    vbr->first.signature = le16_make(MBR_BOOT_SIGNATURE);
}

bool bootcode_mbr_is_ours(const struct mbr *mbr)
{
    struct mbr ours = *mbr;
    bootcode_mbr(&ours);
    return !memcmp(&ours, mbr, sizeof ours);
}

bool bootcode_vbr_is_ours(const struct boot_record *vbr)
{
    struct boot_record ours = *vbr;
    bootcode_vbr(&ours);
    return !memcmp(&ours, vbr, sizeof ours);
}

uint32_t bootcode_gap_file(uint8_t data[GAP_FILE_MAX])
{
    memset(data, 0, GAP_FILE_MAX);
    memcpy(data, blob_gap_loader, SECTOR_SIZE);
    memcpy(data + SECTOR_SIZE, blob_stage2, stage2_size());
    return (uint32_t)(2 + (stage2_size() + SECTOR_SIZE - 1) / SECTOR_SIZE);
}

void bootcode_gap(struct mbr *mbr, const struct gap *gap)
{
    memcpy(mbr->code, blob_gap, sizeof mbr->code);
    gap_write(mbr, gap);
    mbr->signature = le16_make(MBR_BOOT_SIGNATURE);
}

bool bootcode_gap_is_ours(const struct mbr *mbr)
{
    struct mbr ours = *mbr;
    struct gap gap;
    if (!gap_read(mbr, &gap))
        return false;
    bootcode_gap(&ours, &gap);
    return !memcmp(&ours, mbr, sizeof ours);
}

unsigned bootcode_mbr_likeness(const struct mbr *mbr)
{
    unsigned same = 0, bytes = 0;
    for (size_t i = 0; i < mbr_size(); i++) {
        bytes += blob_mbr[i] != 0;
        same += blob_mbr[i] && blob_mbr[i] == mbr->code[i];
    }
    return bytes ? same * 100 / bytes : 0;
}

/* Every version of the two names the program in its messages. */
static bool names_us(const void *code, size_t size)
{
    return memmem(code, size, "vhdboot", 7);
}

bool bootcode_mbr_is_vhdboots(const struct mbr *mbr)
{
    return bootcode_mbr_is_ours(mbr) || names_us(mbr->code, sizeof mbr->code);
}

bool bootcode_vbr_is_vhdboots(const struct boot_record *vbr)
{
    return bootcode_vbr_is_ours(vbr) || names_us(vbr, sizeof *vbr);
}

/* int 18h; and where that comes back: sti, hlt, jmp to the hlt */
static const uint8_t next_device[] = {0xcd, 0x18, 0xfb, 0xf4, 0xeb, 0xfd};

void bootcode_mbr_none(struct mbr *mbr)
{
    memset(mbr->code, 0, sizeof mbr->code);
    memcpy(mbr->code, next_device, sizeof next_device);
}

void bootcode_vbr_none(struct boot_record *vbr)
{
    static const uint8_t jump[] = {0xeb, 0x52, 0x90}; /* over the BPB */
    struct boot_record none = {0};
    memcpy(none.first.bpb.jump, jump, sizeof jump);
    memcpy((uint8_t *)&none + 0x54, next_device, sizeof next_device);
    none.first.signature = le16_make(MBR_BOOT_SIGNATURE);
    bootcode_vbr_from(vbr, &none);
}
