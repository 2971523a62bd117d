/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small NTFS volume in memory, built field by field, for the tests of the NTFS reader. A record
 * is begun, given attributes and sealed (end marker, sizes, update sequence); to damage it
 * afterwards a test changes im_record()'s bytes, where the update sequence already stands.
 */
#ifndef TESTS_NTFS_IMAGE_H
#define TESTS_NTFS_IMAGE_H

#include <uchar.h>
#include "unit/unit.h"
#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/ntfs/ntfs.h"
#include "core/ntfs/format.h"
#include "core/ntfs/sectors.h"

#define IM_BYTES       (2u << 20)
#define IM_MEMORY      (4u << 20)
#define IM_MFT_BYTE    65536u /* where $MFT starts */
#define IM_MFT_RECORDS 64u
#define IM_MIRROR_BYTE 32768u
#define IM_LOG_BYTE    262144u
#define IM_UPCASE_BYTE 393216u
#define IM_FREE_BYTE   (1u << 20) /* from here on for the tests' own files */
#define IM_NAME(name)  u"" name, (sizeof u"" name) / 2 - 1

struct image {
    uint8_t *data;
    uint32_t cluster, record_size;
    uint64_t bad_lba; /* reads of this sector fail; 0: none */
    struct blk blk;
    struct arena arena;
    uint8_t *memory;
    struct ntfs vol;
    struct fail f;
};

static inline void im_put(uint8_t *p, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t im_get(const uint8_t *p, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = size; i; i--)
        value = value << 8 | p[i - 1];
    return value;
}

static inline enum err im_read(struct blk *b, uint64_t lba, uint32_t count, void *buf,
                               struct fail *f)
{
    struct image *im = b->ctx;
    if (im->bad_lba && lba <= im->bad_lba && im->bad_lba < lba + count)
        return fail(f, ERR_READ, "sector %u is bad", im->bad_lba);
    memcpy(buf, im->data + (lba << SECTOR_SHIFT), (size_t)count << SECTOR_SHIFT);
    return ERR_OK;
}

static inline uint8_t *im_record(struct image *im, unsigned number)
{
    return im->data + IM_MFT_BYTE + number * im->record_size;
}

/* Starts record `number` afresh, with sequence number 1. */
static inline uint8_t *im_begin(struct image *im, unsigned number, unsigned flags)
{
    uint8_t *r = im_record(im, number);
    memset(r, 0, im->record_size);
    memcpy(r, "FILE", 4);
    im_put(r + 4, 2, 0x30);
    im_put(r + 6, 2, im->record_size / 512 + 1);
    im_put(r + 16, 2, 1);
    im_put(r + 20, 2, 0x48);
    im_put(r + 22, 2, NTFS_RECORD_IN_USE | flags);
    im_put(r + 24, 4, 0x48);
    im_put(r + 44, 4, number);
    return r;
}

/* Adds an attribute of `length` bytes (rounded up to 8) and returns it, all zero but for its head.
 */
static inline uint8_t *im_attr(uint8_t *r, unsigned type, const char16_t *name, unsigned units,
                               unsigned name_at, unsigned length)
{
    uint32_t used = (uint32_t)im_get(r + 24, 4);
    uint8_t *a = r + used;
    length = (length + 7) / 8 * 8;
    im_put(a, 4, type);
    im_put(a + 4, 4, length);
    a[9] = (uint8_t)units;
    im_put(a + 10, 2, name_at);
    im_put(a + 14, 2, used); /* as good an instance number as any */
    memcpy(a + name_at, name, (size_t)2 * units);
    im_put(r + 24, 4, used + length);
    return a;
}

static inline uint8_t *im_resident(uint8_t *r, unsigned type, const char16_t *name, unsigned units,
                                   const void *value, unsigned size)
{
    unsigned at = (24 + 2 * units + 7) / 8 * 8;
    uint8_t *a = im_attr(r, type, name, units, 24, at + size);
    im_put(a + 16, 4, size);
    im_put(a + 20, 2, at);
    memcpy(a + at, value, size);
    return a;
}

/* Non-resident: `clusters` from VCN `lowest` on, `size` bytes, all initialised. */
static inline uint8_t *im_nonresident(uint8_t *r, unsigned type, const char16_t *name,
                                      unsigned units, const void *pairs, unsigned pairs_size,
                                      uint64_t lowest, uint64_t clusters, uint64_t size,
                                      uint32_t cluster)
{
    unsigned at = (72 + 2 * units + 7) / 8 * 8;
    uint8_t *a = im_attr(r, type, name, units, 72, at + pairs_size);
    a[8] = 1;
    im_put(a + 16, 8, lowest);
    im_put(a + 24, 8, lowest + clusters - 1);
    im_put(a + 32, 2, at);
    im_put(a + 40, 8, clusters * cluster);
    im_put(a + 48, 8, size);
    im_put(a + 56, 8, size);
    memcpy(a + at, pairs, pairs_size);
    return a;
}

/* The same with one run at byte `at` of the volume. */
static inline uint8_t *im_run(struct image *im, uint8_t *r, unsigned type, const char16_t *name,
                              unsigned units, uint32_t at, uint64_t size)
{
    uint8_t pairs[10] = {0x44};
    uint64_t clusters = (size + im->cluster - 1) / im->cluster;
    im_put(pairs + 1, 4, clusters);
    im_put(pairs + 5, 4, at / im->cluster);
    return im_nonresident(r, type, name, units, pairs, sizeof pairs, 0, clusters, size,
                          im->cluster);
}

/* Puts the update sequence over a block whose header says where it goes. */
static inline void im_protect(uint8_t *block, uint32_t size)
{
    uint8_t *usa = block + im_get(block + 4, 2);
    im_put(usa, 2, 0x55);
    for (uint32_t i = 1; i <= size / 512; i++) {
        memcpy(usa + (size_t)2 * i, block + i * 512 - 2, 2);
        memcpy(block + i * 512 - 2, usa, 2);
    }
}

static inline void im_unprotect(uint8_t *block, uint32_t size)
{
    const uint8_t *usa = block + im_get(block + 4, 2);
    for (uint32_t i = 1; i <= size / 512; i++)
        memcpy(block + i * 512 - 2, usa + (size_t)2 * i, 2);
}

static inline void im_seal(struct image *im, uint8_t *r)
{
    uint32_t used = (uint32_t)im_get(r + 24, 4);
    im_put(r + used, 4, NTFS_ATTR_END);
    im_put(r + 24, 4, used + 8);
    im_protect(r, im->record_size);
}

static inline uint64_t im_ref(unsigned number)
{
    return number | (uint64_t)1 << 48;
}

/* Index entries, one behind the other at `p`; each returns its size. `child` < 0: none. */
static inline unsigned im_entry(uint8_t *p, const char16_t *name, unsigned units, uint64_t ref,
                                unsigned name_space, int64_t child)
{
    unsigned key = 66 + 2 * units;
    unsigned length = (16 + key + 7) / 8 * 8 + (child >= 0 ? 8 : 0);
    memset(p, 0, length);
    im_put(p, 8, ref);
    im_put(p + 8, 2, length);
    im_put(p + 10, 2, key);
    im_put(p + 12, 2, child >= 0);
    p[80] = (uint8_t)units;
    p[81] = (uint8_t)name_space;
    memcpy(p + 82, name, (size_t)2 * units);
    if (child >= 0)
        im_put(p + length - 8, 8, (uint64_t)child);
    return length;
}

static inline unsigned im_last(uint8_t *p, int64_t child)
{
    unsigned length = 16 + (child >= 0 ? 8 : 0);
    memset(p, 0, length);
    im_put(p + 8, 2, length);
    im_put(p + 12, 2, 2 | (child >= 0));
    if (child >= 0)
        im_put(p + 16, 8, (uint64_t)child);
    return length;
}

/* A directory's $INDEX_ROOT with these entries. */
static inline uint8_t *im_root(uint8_t *r, const uint8_t *entries, unsigned size,
                               uint32_t block_size, bool large)
{
    uint8_t value[1024] = {0};
    im_put(value, 4, 0x30);
    im_put(value + 4, 4, 1);
    im_put(value + 8, 4, block_size);
    im_put(value + 16, 4, 16);
    im_put(value + 20, 4, 16 + size);
    im_put(value + 24, 4, 16 + size);
    value[28] = large;
    memcpy(value + 32, entries, size);
    return im_resident(r, NTFS_ATTR_INDEX_ROOT, IM_NAME("$I30"), value, 32 + size);
}

/* An index block at `p`, sealed. */
static inline void im_block(uint8_t *p, uint32_t block_size, uint64_t vcn, const uint8_t *entries,
                            unsigned size)
{
    memset(p, 0, block_size);
    memcpy(p, "INDX", 4);
    im_put(p + 4, 2, 0x28);
    im_put(p + 6, 2, block_size / 512 + 1);
    im_put(p + 16, 8, vcn);
    unsigned at = (0x28 + 2 * (block_size / 512 + 1) + 7) / 8 * 8 - 24; /* 0x28 for 4 KiB */
    im_put(p + 24, 4, at);
    im_put(p + 28, 4, at + size);
    im_put(p + 32, 4, block_size - 24);
    memcpy(p + 24 + at, entries, size);
    im_protect(p, block_size);
}

static inline void im_boot(struct image *im)
{
    uint8_t *b = im->data;
    uint32_t sectors = im->cluster / 512;
    memcpy(b + 3, "NTFS    ", 8);
    im_put(b + 11, 2, 512);
    b[13] = (uint8_t)sectors;
    im_put(b + 40, 8, IM_BYTES / 512 - 1);
    im_put(b + 48, 8, IM_MFT_BYTE / im->cluster);
    im_put(b + 56, 8, IM_MIRROR_BYTE / im->cluster);
    b[64] = (uint8_t)-__builtin_ctz(im->record_size);
    b[68] = (uint8_t)-12;
    im_put(b + 72, 8, 0x123456789abcdef0);
}

static inline void im_system_files(struct image *im)
{
    uint8_t *r = im_begin(im, 0, 0);
    im_run(im, r, NTFS_ATTR_DATA, IM_NAME(""), IM_MFT_BYTE, IM_MFT_RECORDS * im->record_size);
    im_seal(im, r);
    r = im_begin(im, 2, 0);
    im_run(im, r, NTFS_ATTR_DATA, IM_NAME(""), IM_LOG_BYTE, 65536);
    im_seal(im, r);
    memset(im->data + IM_LOG_BYTE, 0xff, 65536);

    r = im_begin(im, 3, 0);
    im_resident(r, NTFS_ATTR_VOLUME_INFORMATION, IM_NAME(""), "\0\0\0\0\0\0\0\0\3\1\0\0", 12);
    im_seal(im, r);
    memcpy(im->data + IM_MIRROR_BYTE, im_record(im, 0), (size_t)4 * im->record_size);

    r = im_begin(im, 10, 0);
    im_run(im, r, NTFS_ATTR_DATA, IM_NAME(""), IM_UPCASE_BYTE, NTFS_UPCASE_SIZE);
    im_seal(im, r);
    for (unsigned u = 0; u < 65536; u++) {
        bool lower = (u >= 'a' && u <= 'z') || (u >= 0xe0 && u <= 0xfe && u != 0xf7);
        im_put(im->data + IM_UPCASE_BYTE + (size_t)2 * u, 2, lower ? u - 32 : u);
    }
}

/* Gives the root these entries, or none (NULL). */
static inline void im_root_directory(struct image *im, const uint8_t *entries, unsigned size)
{
    uint8_t none[16];
    uint8_t *r = im_begin(im, 5, NTFS_RECORD_DIRECTORY);
    if (!entries)
        size = im_last(none, -1);
    im_root(r, entries ? entries : none, size, 4096, false);
    im_seal(im, r);
}

static inline struct image *im_make(uint32_t cluster, uint32_t record_size)
{
    static struct image image;
    struct image *im = &image;
    free(im->data);
    free(im->memory);
    *im = (struct image){.cluster = cluster, .record_size = record_size};
    im->data = calloc(1, IM_BYTES);
    im->memory = malloc(IM_MEMORY);
    im->blk = (struct blk){.read = im_read, .ctx = im, .sectors = IM_BYTES / 512};
    im_boot(im);
    im_system_files(im);
    im_root_directory(im, NULL, 0);
    return im;
}

/* The one file `name` in the root, record 24, which the caller fills. */
static inline void im_one_file(struct image *im, const char16_t *name, unsigned units)
{
    uint8_t entries[1024];
    unsigned size = im_entry(entries, name, units, im_ref(24), 1, -1);
    size += im_last(entries + size, -1);
    im_root_directory(im, entries, size);
}

static inline enum err im_mount(struct image *im)
{
    arena_init(&im->arena, im->memory, IM_MEMORY);
    return ntfs_mount(&im->vol, &im->blk, 0, UINT64_MAX, &im->arena, &im->f);
}

/* After a change to data that may have been read already. */
static inline void im_forget(struct image *im)
{
    struct blk_cache *c = &im->vol.sectors->cache;
    memset(c->line_no, 0xff, c->line_count * sizeof c->line_no[0]);
}

static inline bool im_noted(const struct image *im, const char *words)
{
    for (unsigned i = 0; i < im->vol.notes.count; i++) {
        if (strstr(im->vol.notes.note[i].sentence, words))
            return true;
    }
    return false;
}

/* Does the failure say `words`? */
#define CHECK_FAIL(im, result, code, words)                                                        \
    do {                                                                                           \
        CHECK_EQ(result, code);                                                                    \
        if (!strstr((im)->f.sentence, words))                                                      \
            unit_failed(__FILE__, __LINE__, "it says \"%s\"", (im)->f.sentence);                   \
    } while (0)

#endif
