/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkntfs puts the MFT's mirror and the log in the middle of the volume, and other metadata at one
 * eighth: no file larger than half of the volume could then be in one piece. So the volume is not
 * copied as it is: each metadata file goes right behind the MFT (with room for that to grow), its
 * run, the mirror's place in the boot sector and $Bitmap follow. Windows puts them near the start,
 * too.
 */
#include "ntfs/pack.h"
#include <errno.h>
#include <stdlib.h>
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/errors.h"
#include "core/ntfs/boot.h"
#include "core/ntfs/format.h"
#include "core/ntfs/record.h"
#include "host/fd.h"
#include "host/random.h"

#define MFT_ROOM ((uint64_t)1 << 20)

struct pack {
    int fd; /* what mkntfs made */
    struct device *device;
    uint64_t start; /* of the volume on the device */
    uint64_t cluster_size, clusters;
    uint64_t mft_lcn, fixed_end; /* clusters below fixed_end stay where they are */
    uint64_t next;               /* where the next attribute goes */
    uint64_t mirror_lcn, mirror_clusters;
    uint64_t bitmap_lcn;
    uint32_t record_size;
    le64 serial;
    uint8_t *bitmap; /* of the packed volume */
    uint8_t *mft;
    uint64_t mft_bytes;
};

/* Hides the last words of a record's strides behind the update sequence number again. */
static void protect(uint8_t *record, uint32_t size)
{
    const struct ntfs_block_header *head = (const struct ntfs_block_header *)record;
    struct ntfs_stride *stride = (struct ntfs_stride *)record;
    le16 *usa = (le16 *)(record + le16_get(head->usa_offset));
    for (uint32_t i = 0; i < size / NTFS_STRIDE; i++) {
        usa[i + 1] = stride[i].last;
        stride[i].last = usa[0];
    }
}

/* The one run of a fresh volume's attribute; false for a hole or more than one. */
static bool single_run(const uint8_t *pairs, const uint8_t *end, uint64_t *lcn, uint64_t *count)
{
    unsigned n = pairs[0] & 15, m = pairs[0] >> 4;
    if (!n || n > 8 || !m || m > 8 || pairs + 1 + n + m >= end || pairs[1 + n + m])
        return false;
    *count = *lcn = 0;
    for (unsigned i = 0; i < n; i++)
        *count |= (uint64_t)pairs[1 + i] << 8 * i;
    for (unsigned i = 0; i < m; i++)
        *lcn |= (uint64_t)pairs[1 + n + i] << 8 * i;
    return true;
}

/* The new place is never further than the old one, so its bytes suffice. */
static void set_run(uint8_t *pairs, uint64_t lcn)
{
    unsigned n = pairs[0] & 15, m = pairs[0] >> 4;
    for (unsigned i = 0; i < m; i++)
        pairs[1 + n + i] = i < 8 ? (uint8_t)(lcn >> 8 * i) : 0;
}

static void mark(struct pack *p, uint64_t lcn, uint64_t count)
{
    for (; count; lcn++, count--)
        p->bitmap[lcn / 8] |= (uint8_t)(1u << lcn % 8);
}

/* The clusters that stay are used or free as mkntfs's own $Bitmap at `lcn` says. */
static bool keep_fixed_bits(struct pack *p, uint64_t lcn)
{
    for (uint64_t bit = 0; bit < p->fixed_end; bit++) {
        uint8_t byte;
        if (!fd_pread(p->fd, &byte, 1, lcn * p->cluster_size + bit / 8))
            return false;
        if (bit_get(&byte, bit & 7, BITS_LSB_FIRST))
            mark(p, bit, 1);
    }
    return true;
}

static bool copy_clusters(struct pack *p, uint64_t from, uint64_t to, uint64_t count)
{
    static uint8_t buffer[1 << 20];
    uint64_t source = from * p->cluster_size, target = to * p->cluster_size;
    uint64_t left = count * p->cluster_size;
    while (left) {
        size_t n = left < sizeof buffer ? (size_t)left : sizeof buffer;
        if (!fd_pread(p->fd, buffer, n, source) ||
            !device_pwrite(p->device, buffer, n, p->start + target))
            return false;
        source += n;
        target += n;
        left -= n;
    }
    return true;
}

/* Moves what one non-resident attribute of record `number` holds. */
static bool pack_attribute(struct pack *p, uint64_t number, struct ntfs_attr_nonresident *attr)
{
    uint8_t *pairs = (uint8_t *)attr + le16_get(attr->pairs_offset);
    uint64_t lcn, count;
    if (!single_run(pairs, (uint8_t *)attr + le32_get(attr->head.length), &lcn, &count) ||
        lcn < p->fixed_end)
        return true;
    if (!range_ok(lcn, count, p->clusters) || !range_ok(p->next, count, p->clusters) ||
        p->next > lcn)
        return false;

    uint64_t to = p->next;
    p->next += count;
    set_run(pairs, to);
    mark(p, to, count);
    if (le32_get(attr->head.type) == NTFS_ATTR_DATA && !attr->head.name_length) {
        if (number == NTFS_MFT_MIRROR) {
            p->mirror_lcn = to;
            p->mirror_clusters = count;
        } else if (number == NTFS_BITMAP) {
            p->bitmap_lcn = to;
            if (!keep_fixed_bits(p, lcn))
                return false;
        }
    }
    return copy_clusters(p, lcn, to, count);
}

static bool pack_record(struct pack *p, uint64_t number)
{
    uint8_t *record = p->mft + number * p->record_size;
    const struct ntfs_record_header *head = (const struct ntfs_record_header *)record;
    struct fail f;
    if (le32_get(head->block.magic) != NTFS_MAGIC_FILE ||
        !(le16_get(head->flags) & NTFS_RECORD_IN_USE))
        return true;
    if (ntfs_record_check(record, p->record_size, number, &f))
        return false;
    for (uint32_t off = le16_get(head->attributes_offset);;) { /* ends: the check saw the end */
        struct ntfs_attr_header *attr = (struct ntfs_attr_header *)(record + off);
        if (le32_get(attr->type) == NTFS_ATTR_END)
            break;
        if (attr->nonresident && !pack_attribute(p, number, (struct ntfs_attr_nonresident *)attr))
            return false;
        off += le32_get(attr->length);
    }
    protect(record, p->record_size);
    return true;
}

/* Where the MFT lies, by its own first record. */
static bool find_mft(struct pack *p)
{
    uint8_t record[NTFS_RECORD_MAX];
    struct fail f;
    uint64_t lcn, count;
    if (!range_ok(p->mft_lcn, 1, p->clusters) ||
        !fd_pread(p->fd, record, p->record_size, p->mft_lcn * p->cluster_size) ||
        ntfs_record_check(record, p->record_size, NTFS_MFT, &f))
        return false;
    const struct ntfs_attr_header *data =
        ntfs_record_find(record, &(struct ntfs_attr_key){.type = NTFS_ATTR_DATA});
    if (!data || !data->nonresident)
        return false;
    const struct ntfs_attr_nonresident *attr = (const struct ntfs_attr_nonresident *)data;
    const uint8_t *end = (const uint8_t *)attr + le32_get(data->length);
    if (!single_run((const uint8_t *)attr + le16_get(attr->pairs_offset), end, &lcn, &count) ||
        lcn != p->mft_lcn)
        return false;
    p->mft_bytes = count * p->cluster_size;
    p->fixed_end = lcn + count;
    return p->mft_bytes < (uint64_t)1 << 24 && p->fixed_end < p->clusters;
}

static bool read_layout(struct pack *p, struct ntfs_boot_record *record)
{
    struct ntfs_boot boot;
    struct fail f;
    if (!fd_pread(p->fd, record, sizeof *record, 0) ||
        ntfs_boot_decode((const uint8_t *)record, &boot, &f))
        return false;
    p->cluster_size = (uint64_t)SECTOR_SIZE << boot.cluster_shift;
    p->clusters = boot.clusters;
    p->record_size = boot.record_size;
    p->mft_lcn = boot.mft_lcn;
    p->mirror_lcn = boot.mirror_lcn;
    return find_mft(p);
}

/* The bits past the volume's end count as used. */
static bool write_bitmap(struct pack *p)
{
    uint64_t bytes = (p->clusters + 63) / 64 * 8;
    for (uint64_t bit = p->clusters; bit < bytes * 8; bit++)
        mark(p, bit, 1);
    return p->bitmap_lcn &&
           device_pwrite(p->device, p->bitmap, bytes, p->start + p->bitmap_lcn * p->cluster_size);
}

static bool pack(struct pack *p, uint64_t size)
{
    struct ntfs_boot_record boot;
    if (!read_layout(p, &boot))
        return false;
    p->bitmap = calloc(1, (p->clusters + 63) / 64 * 8);
    p->mft = malloc(p->mft_bytes);
    if (!p->bitmap || !p->mft ||
        !fd_pread(p->fd, p->mft, p->mft_bytes, p->mft_lcn * p->cluster_size))
        return false;

    uint64_t room = MFT_ROOM / p->cluster_size;
    p->next = p->fixed_end + (room < p->clusters / 64 ? room : p->clusters / 64);
    bool ok = copy_clusters(p, 0, 0, p->fixed_end);
    for (uint64_t i = 0; ok && i < p->mft_bytes / p->record_size; i++)
        ok = pack_record(p, i);
    if (!ok || !write_bitmap(p) ||
        !device_pwrite(p->device, p->mft, p->mft_bytes, p->start + p->mft_lcn * p->cluster_size))
        return false;

    uint64_t mirror = p->mirror_clusters * p->cluster_size;
    if (!mirror || mirror > p->mft_bytes ||
        !device_pwrite(p->device, p->mft, mirror, p->start + p->mirror_lcn * p->cluster_size))
        return false;
    boot.bpb.mirror_lcn = le64_make(p->mirror_lcn);
    boot.bpb.serial = p->serial;
    return device_pwrite(p->device, &boot, sizeof boot, p->start) &&
           device_pwrite(p->device, &boot, sizeof boot, p->start + size - SECTOR_SIZE);
}

bool pack_volume(struct device *device, uint64_t start, uint64_t size, int fd)
{
    struct pack p = {.fd = fd, .device = device, .start = start};
    /* mkntfs takes it from the clock: two volumes made in the same second would have the same. */
    bool ok = !random_fill(&p.serial, sizeof p.serial) && pack(&p, size);
    int keep = errno;
    free(p.bitmap);
    free(p.mft);
    errno = keep;
    return ok;
}
