/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Builds VHDX files in memory for tests, right ones and wrong ones. The file is sparse: only the
 * MiB that were touched exist. Layout: log at 1 MiB, metadata at 2 MiB, BAT from 3 MiB, then blocks
 * in the order in which they are added. Tests poke what they want and call vx_seal() to have the
 * checksums right again.
 */
#ifndef TESTS_VHDX_BUILDER_H
#define TESTS_VHDX_BUILDER_H

#include <stdlib.h>
#include <string.h>
#include "core/base/arena.h"
#include "core/base/crc32c.h"
#include "core/base/file.h"
#include "core/vhdx/vhdx.h"
#include "core/vhdx/format.h"

#define MIB      ((uint64_t)1 << 20)
#define GIB      ((uint64_t)1 << 30)
#define TIB      ((uint64_t)1 << 40)
#define VX_LOG   (1 * MIB)
#define VX_META  (2 * MIB)
#define VX_BAT   (3 * MIB)
#define VX_SLOTS 96

/* Offsets of the metadata items in their region, in steps of 4 KiB. */
enum { VX_PARAMETERS = 0x10000, VX_SIZE = 0x11000, VX_LOGICAL = 0x12000, VX_LOCATOR = 0x13000 };

struct vx {
    struct file file;
    unsigned slots;
    uint64_t at[VX_SLOTS];
    uint8_t *mib[VX_SLOTS];
    uint32_t block_size;
    uint32_t ratio;
    unsigned reads;
    uint64_t unreadable; /* a read that touches this byte fails */
    /* A file made up while it is read, for disks too large to store their BAT. */
    void (*invent)(struct vx *x, uint64_t off, uint8_t *buf, uint32_t len);
};

static inline void vx_put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void vx_put32(uint8_t *p, uint32_t v)
{
    vx_put16(p, v & 0xffff);
    vx_put16(p + 2, v >> 16);
}

static inline void vx_put64(uint8_t *p, uint64_t v)
{
    vx_put32(p, (uint32_t)v);
    vx_put32(p + 4, (uint32_t)(v >> 32));
}

/* The bytes of the file from `off` to the end of its MiB. */
static inline uint8_t *vx_at(struct vx *x, uint64_t off)
{
    for (unsigned i = 0; i < x->slots; i++) {
        if (x->at[i] == off / MIB)
            return x->mib[i] + off % MIB;
    }
    if (x->slots == VX_SLOTS)
        abort();
    x->at[x->slots] = off / MIB;
    x->mib[x->slots] = calloc(1, MIB);
    return x->mib[x->slots++] + off % MIB;
}

static enum err vx_read(struct file *file, uint64_t off, void *buf, uint32_t len, struct fail *f)
{
    struct vx *x = file->ctx;
    x->reads++;
    if (x->unreadable - off < len)
        return fail(f, ERR_READ, "sector %u cannot be read", off);
    if (x->invent) {
        x->invent(x, off, buf, len);
        return ERR_OK;
    }
    uint8_t *out = buf;
    memset(out, 0, len);
    for (unsigned i = 0; i < x->slots; i++) {
        uint64_t start = x->at[i] * MIB;
        uint64_t from = start > off ? start : off;
        uint64_t to = start + MIB < off + len ? start + MIB : off + len;
        if (from < to)
            memcpy(out + (from - off), x->mib[i] + (from - start), to - from);
    }
    return ERR_OK;
}

static inline uint32_t vx_crc(const uint8_t *p, uint32_t len)
{
    static const uint8_t zero[4];
    return crc32c(crc32c(crc32c(0, p, 4), zero, 4), p + 8, len - 8);
}

/* Makes the checksums of headers and region tables right. */
static inline void vx_seal(struct vx *x)
{
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *header = vx_at(x, i ? VHDX_HEADER_2 : VHDX_HEADER_1);
        uint8_t *regions = vx_at(x, i ? VHDX_REGIONS_2 : VHDX_REGIONS_1);
        vx_put32(header + 4, vx_crc(header, VHDX_HEADER_SIZE));
        vx_put32(regions + 4, vx_crc(regions, VHDX_TABLE_SIZE));
    }
}

static inline void vx_header(struct vx *x, unsigned which, uint64_t sequence)
{
    uint8_t *p = vx_at(x, which == 1 ? VHDX_HEADER_1 : VHDX_HEADER_2);
    memcpy(p, "head", 4);
    vx_put64(p + 8, sequence);
    memset(p + 0x10, 0xf1, 16);
    memset(p + 0x20, 0xd0 + (int)which, 16);
    vx_put16(p + 0x42, 1);
    vx_put32(p + 0x44, MIB);
    vx_put64(p + 0x48, VX_LOG);
}

/* Entry `index` of both region tables. */
static inline void vx_region(struct vx *x, unsigned index, const uint8_t id[16], uint64_t offset,
                             uint32_t length, uint32_t flags)
{
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *table = vx_at(x, i ? VHDX_REGIONS_2 : VHDX_REGIONS_1);
        uint8_t *p = table + 16 + 32 * index;
        memcpy(table, "regi", 4);
        memcpy(p, id, 16);
        vx_put64(p + 16, offset);
        vx_put32(p + 24, length);
        vx_put32(p + 28, flags);
        if (table[8] <= index)
            vx_put32(table + 8, index + 1);
    }
}

static inline void vx_item(struct vx *x, unsigned index, const uint8_t id[16], uint32_t offset,
                           uint32_t length, uint32_t flags)
{
    uint8_t *table = vx_at(x, VX_META);
    uint8_t *p = table + 32 + 32 * index;
    memcpy(table, "metadata", 8);
    memcpy(p, id, 16);
    vx_put32(p + 16, offset);
    vx_put32(p + 20, length);
    vx_put32(p + 24, flags);
    if (table[10] <= index)
        vx_put16(table + 10, index + 1);
}

static const uint8_t vx_bat_id[16] = VHDX_GUID_BAT;
static const uint8_t vx_metadata_id[16] = VHDX_GUID_METADATA;
static const uint8_t vx_parameters_id[16] = VHDX_GUID_FILE_PARAMETERS;
static const uint8_t vx_size_id[16] = VHDX_GUID_DISK_SIZE;
static const uint8_t vx_logical_id[16] = VHDX_GUID_LOGICAL_SECTOR;
static const uint8_t vx_locator_id[16] = VHDX_GUID_PARENT_LOCATOR;

static inline uint32_t vx_bat_length(const struct vx *x, uint64_t size)
{
    uint64_t chunks = size / x->block_size / x->ratio + 1;
    return (uint32_t)((chunks * (x->ratio + 1) * 8 + MIB - 1) / MIB * MIB);
}

/* An empty disk; `flags` are those of the file parameters. */
static inline struct vx *vx_new(uint64_t size, uint32_t block_size, uint32_t flags)
{
    struct vx *x = calloc(1, sizeof *x);
    x->block_size = block_size;
    x->ratio = (uint32_t)(4 * GIB / block_size);
    x->unreadable = UINT64_MAX;
    uint32_t bat_length = vx_bat_length(x, size);
    x->file = (struct file){.size = VX_BAT + bat_length, .ctx = x, .read = vx_read};
    strcpy(x->file.path, "\\disk.vhdx");
    memcpy(vx_at(x, 0), "vhdxfile", 8);
    vx_header(x, 1, 7);
    vx_header(x, 2, 8);
    vx_region(x, 0, vx_bat_id, VX_BAT, bat_length, 1);
    vx_region(x, 1, vx_metadata_id, VX_META, MIB, 1);
    vx_item(x, 0, vx_parameters_id, VX_PARAMETERS, 8, 4);
    vx_item(x, 1, vx_size_id, VX_SIZE, 8, 6);
    vx_item(x, 2, vx_logical_id, VX_LOGICAL, 4, 6);
    vx_put32(vx_at(x, VX_META + VX_PARAMETERS), block_size);
    vx_put32(vx_at(x, VX_META + VX_PARAMETERS) + 4, flags);
    vx_put64(vx_at(x, VX_META + VX_SIZE), size);
    vx_put32(vx_at(x, VX_META + VX_LOGICAL), 512);
    vx_seal(x);
    return x;
}

static inline void vx_free(struct vx *x)
{
    for (unsigned i = 0; i < x->slots; i++)
        free(x->mib[i]);
    free(x);
}

static inline void vx_bat_set(struct vx *x, uint64_t index, uint64_t entry)
{
    vx_put64(vx_at(x, VX_BAT + index * 8), entry);
}

static inline uint64_t vx_bat_index(const struct vx *x, uint64_t block)
{
    return block + block / x->ratio;
}

/* Stores a block at the end of the file; where it starts. */
static inline uint64_t vx_block(struct vx *x, uint64_t block, unsigned state)
{
    uint64_t off = x->file.size;
    x->file.size += x->block_size;
    vx_bat_set(x, vx_bat_index(x, block), off | state);
    return off;
}

/* Stores the sector bitmap of a chunk at the end of the file. */
static inline uint64_t vx_bitmap(struct vx *x, uint64_t chunk)
{
    uint64_t off = x->file.size;
    x->file.size += MIB;
    vx_bat_set(x, (chunk + 1) * x->ratio + chunk, off | VHDX_FULLY_PRESENT);
    return off;
}

/* Writes a parent locator of key = value pairs, ended by NULL. */
static inline void vx_locator(struct vx *x, const char *const *pairs)
{
    static const uint8_t type[16] = VHDX_GUID_LOCATOR_TYPE;
    uint8_t *item = vx_at(x, VX_META + VX_LOCATOR);
    unsigned count = 0;
    while (pairs[2 * count])
        count++;
    uint32_t at = 20 + 12 * count;
    memcpy(item, type, 16);
    vx_put16(item + 18, count);
    for (unsigned i = 0; i < 2 * count; i++) {
        uint8_t *entry = item + 20 + 12 * (i / 2);
        size_t length = strlen(pairs[i]);
        vx_put32(entry + 4 * (i % 2), at);
        vx_put16(entry + 8 + 2 * (i % 2), (unsigned)(2 * length));
        for (size_t k = 0; k < length; k++, at += 2)
            vx_put16(item + at, (unsigned char)pairs[i][k]);
    }
    vx_item(x, 3, vx_locator_id, VX_LOCATOR, at, 6);
}

#define VX_LINKAGE "{03020100-0504-0706-0809-0A0B0C0D0E0F}" /* the bytes 00 01 .. 0f */

/* A differencing disk with an ordinary locator. */
static inline struct vx *vx_child(uint64_t size, uint32_t block_size)
{
    static const char *const pairs[] = {"parent_linkage", VX_LINKAGE, "relative_path",
                                        ".\\base.vhdx", NULL};
    struct vx *x = vx_new(size, block_size, VHDX_HAS_PARENT);
    vx_locator(x, pairs);
    return x;
}

/* What a log entry writes: 4 KiB full of `fill`, or `zero` bytes of zeros. */
struct vx_write {
    uint64_t offset;
    uint64_t zero;
    uint8_t fill;
};

/* Writes a log entry at sector `at` of a ring of `ring` sectors; the sector after it. */
static inline uint32_t vx_log_entry_in(struct vx *x, uint32_t ring, uint32_t at, uint32_t tail,
                                       uint64_t sequence, const struct vx_write *w, unsigned count)
{
    unsigned descriptors = (64 + 32 * count + 4095) / 4096;
    unsigned sectors = descriptors;
    for (unsigned i = 0; i < count; i++)
        sectors += !w[i].zero;
    uint8_t *entry = calloc(sectors, 4096);
    memcpy(entry, "loge", 4);
    vx_put32(entry + 8, sectors * 4096);
    vx_put32(entry + 12, tail * 4096);
    vx_put64(entry + 16, sequence);
    vx_put32(entry + 24, count);
    memset(entry + 32, 0x10, 16);
    vx_put64(entry + 48, x->file.size);
    vx_put64(entry + 56, x->file.size);
    uint8_t *data = entry + 4096 * descriptors;
    for (unsigned i = 0; i < count; i++) {
        uint8_t *d = entry + 64 + 32 * i;
        memcpy(d, w[i].zero ? "zero" : "desc", 4);
        vx_put64(d + 16, w[i].offset);
        vx_put64(d + 24, sequence);
        vx_put64(d + 8, w[i].zero);
        if (w[i].zero)
            continue;
        memset(d + 4, w[i].fill, 12);
        memset(data, w[i].fill, 4096);
        memcpy(data, "data", 4);
        vx_put32(data + 4, (uint32_t)(sequence >> 32));
        vx_put32(data + 4092, (uint32_t)sequence);
        data += 4096;
    }
    vx_put32(entry + 4, vx_crc(entry, sectors * 4096));
    for (unsigned i = 0; i < sectors; i++)
        memcpy(vx_at(x, VX_LOG + (uint64_t)((at + i) % ring) * 4096), entry + 4096 * i, 4096);
    free(entry);
    return (at + sectors) % ring;
}

static inline uint32_t vx_log_entry(struct vx *x, uint32_t at, uint32_t tail, uint64_t sequence,
                                    const struct vx_write *w, unsigned count)
{
    return vx_log_entry_in(x, 256, at, tail, sequence, w, count);
}

/* Says in both headers that the log counts. */
static inline void vx_dirty(struct vx *x)
{
    memset(vx_at(x, VHDX_HEADER_1) + 0x30, 0x10, 16);
    memset(vx_at(x, VHDX_HEADER_2) + 0x30, 0x10, 16);
    vx_seal(x);
}

#endif
