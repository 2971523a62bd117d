/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything that core does with a VHDX, on a file that the fuzzer makes up: open, check, walk. The
 * input is the file's size and then its sectors that are not zero:
 *
 *   0  u16  size in MiB          2  u8  bits 0, 1: leave checksums of headers, of region tables and
 *   3  u8   bytes more than that        log entries as they are; else they are made right first;
 *                                       the other bits: 2Ah lets disks of 16 GiB and more through
 *   4  from here on: u32 sector number, 512 bytes (tests/fuzz/seeds_vhdx makes such files)
 */
#include <stdlib.h>
#include <string.h>
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/crc32c.h"
#include "core/base/file.h"
#include "core/vhdx/vhdx.h"
#include "core/vhdx/format.h"
#include "core/vhdx/write.h"
#include "fuzz/growth.h"
#include "fuzz/parents.h"

#define HEAD         4
#define ENTRY        (4 + SECTOR_SIZE)
#define ENTRIES_MAX  512
#define SIZE_MIB_MAX 64
#define LOG_MAX      64 /* sectors of 4 KiB in an entry whose checksum is made right */
#define MEMORY       (512u << 10)
#define RUNS_MAX     300

struct input {
    uint8_t entry[ENTRIES_MAX][ENTRY];
    unsigned count;
};

static uint32_t entry_sector(const struct input *in, unsigned i)
{
    le32 number;
    memcpy(&number, in->entry[i], sizeof number);
    return le32_get(number);
}

static enum err read_input(struct file *file, uint64_t off, void *buf, uint32_t len, struct fail *f)
{
    const struct input *in = file->ctx;
    (void)f;
    if (!range_ok(off, len, file->size))
        abort();
    memset(buf, 0, len);
    for (unsigned i = 0; i < in->count; i++) {
        uint64_t start = (uint64_t)entry_sector(in, i) << SECTOR_SHIFT;
        uint64_t from = start > off ? start : off;
        uint64_t to = start + SECTOR_SIZE < off + len ? start + SECTOR_SIZE : off + len;
        if (from < to)
            memcpy((uint8_t *)buf + (from - off), in->entry[i] + 4 + (from - start), to - from);
    }
    return ERR_OK;
}

/* crc32c of a region table: most inputs change nothing in theirs, so the last two are kept. */
static uint32_t table_crc(const uint8_t *table)
{
    static struct {
        uint8_t table[VHDX_TABLE_SIZE];
        uint32_t crc;
        bool used;
    } kept[2];
    static unsigned next;
    for (unsigned i = 0; i < 2; i++) {
        if (kept[i].used && !memcmp(kept[i].table, table, VHDX_TABLE_SIZE))
            return kept[i].crc;
    }
    next ^= 1;
    memcpy(kept[next].table, table, VHDX_TABLE_SIZE);
    kept[next].crc = crc32c(0, table, VHDX_TABLE_SIZE);
    kept[next].used = true;
    return kept[next].crc;
}

/* Makes the checksum in the structure's second word right, if its first sector is there. */
static void seal(struct file *file, struct input *in, uint64_t off, uint32_t len)
{
    static uint8_t buf[LOG_MAX * VHDX_PAGE_SIZE];
    struct fail f;
    unsigned i = in->count; /* the last one of a sector is the one that is read */
    while (i > 0 && entry_sector(in, i - 1) != off >> SECTOR_SHIFT)
        i--;
    if (!i || !range_ok(off, len, file->size))
        return;
    (void)read_input(file, off, buf, len, &f);
    memset(buf + 4, 0, 4);
    le32 crc = le32_make(len == VHDX_TABLE_SIZE ? table_crc(buf) : crc32c(0, buf, len));
    memcpy(in->entry[i - 1] + 4 + 4, &crc, 4);
}

/* Makes the sum of a mark right, in each version of its sector. */
static void seal_mark(struct input *in)
{
    for (unsigned i = 0; i < in->count; i++) {
        struct vhdx_mark *mark = (struct vhdx_mark *)(in->entry[i] + 4);
        if (entry_sector(in, i) != VHDX_MARK / SECTOR_SIZE)
            continue;
        mark->sum = le32_make(0);
        mark->sum = le32_make(crc32c(0, in->entry[i] + 4, SECTOR_SIZE));
    }
}

static void seal_all(struct file *file, struct input *in, unsigned keep)
{
    if (!(keep & 1))
        seal_mark(in);
    if (!(keep & 1)) {
        seal(file, in, VHDX_HEADER_1, VHDX_HEADER_SIZE);
        seal(file, in, VHDX_HEADER_2, VHDX_HEADER_SIZE);
    }
    if (keep & 2)
        return;
    seal(file, in, VHDX_REGIONS_1, VHDX_TABLE_SIZE);
    seal(file, in, VHDX_REGIONS_2, VHDX_TABLE_SIZE);
    for (unsigned i = 0; i < in->count; i++) {
        struct vhdx_log_header h;
        memcpy(&h, in->entry[i] + 4, sizeof h);
        uint32_t length = le32_get(h.length);
        if (!memcmp(h.signature, "loge", 4) && length && length <= LOG_MAX * VHDX_PAGE_SIZE)
            seal(file, in, (uint64_t)entry_sector(in, i) << SECTOR_SHIFT, length);
    }
}

/* What must hold of any run. */
static uint64_t check_run(struct image *image, uint64_t lba)
{
    struct image_run run = {0};
    struct fail f = {0};
    if (image->run(image, lba, &run, &f)) {
        if (!f.sentence || !f.err)
            abort();
        return UINT64_MAX;
    }
    if (!run.count || run.count > image->sectors - lba)
        abort();
    if (run.state == IMAGE_DATA &&
        (run.file_sector < (1u << 20) >> SECTOR_SHIFT ||
         !range_ok(run.file_sector, run.count, image->file->size >> SECTOR_SHIFT)))
        abort();
    if (run.in_place && (run.state != IMAGE_DATA || image->read_only))
        abort();
    return run.count;
}

/* The header before the first write: for every image that may be written. */
static void check_header(const struct image *image)
{
    static const uint8_t seed[16];
    static uint8_t page[VHDX_HEADER_SIZE];
    uint64_t at;
    struct fail f = {0};
    if (vhdx_header_next(image, VHDX_CHANGES_DISK, seed, page, &at, &f)) {
        if (!f.sentence || !f.err)
            abort();
    } else if (image->read_only || (at != VHDX_HEADER_1 && at != VHDX_HEADER_2)) {
        abort();
    }
}

/* Does a table list this GUID? Then where its entry is. */
static bool table_find(struct file *file, uint64_t table, uint32_t first, const uint8_t id[16],
                       uint8_t entry[32])
{
    static uint8_t start[16 * SECTOR_SIZE];
    struct fail f;
    if (!range_ok(table, sizeof start, file->size))
        return false;
    (void)read_input(file, table, start, sizeof start, &f);
    for (uint32_t at = first; at < sizeof start; at += 32) {
        if (!memcmp(start + at, id, 16)) {
            memcpy(entry, start + at, 32);
            return true;
        }
    }
    return false;
}

/* Tables of many thousand blocks take most of the time and teach nothing: seldom let through. */
static bool too_large(struct file *file)
{
    static const uint8_t metadata_id[16] = VHDX_GUID_METADATA;
    static const uint8_t size_id[16] = VHDX_GUID_DISK_SIZE;
    uint8_t entry[32];
    le64 offset, size;
    le32 item;
    struct fail f;
    if (!table_find(file, VHDX_REGIONS_1, 16, metadata_id, entry))
        return false;
    memcpy(&offset, entry + 16, sizeof offset);
    if (!table_find(file, le64_get(offset), 32, size_id, entry))
        return false;
    memcpy(&item, entry + 16, sizeof item);
    if (!range_ok(le64_get(offset) + le32_get(item), sizeof size, file->size))
        return false;
    (void)read_input(file, le64_get(offset) + le32_get(item), &size, sizeof size, &f);
    return le64_get(size) >> 34;
}

static void use_image(struct image *image, struct arena *a)
{
    struct fail f = {0};
    size_t mark = arena_mark(a);
    if (!image->sectors)
        abort();
    check_parents(image, a);
    bool checked = !image->check(image, a, &f);
    if (arena_mark(a) != mark)
        abort();
    uint64_t lba = 0;
    for (unsigned i = 0; i < RUNS_MAX && lba < image->sectors; i++) {
        uint64_t count = check_run(image, lba);
        if (count == UINT64_MAX)
            break;
        /* What run joins must look the same from its middle. */
        if (count > 1 && check_run(image, lba + count / 2) == UINT64_MAX && checked)
            abort();
        lba += count;
    }
    (void)check_run(image, image->sectors - 1);
    (void)check_run(image, 0);
    check_header(image);
    growth_check(image, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct input in;
    static uint8_t *memory;
    if (!memory)
        memory = malloc(MEMORY);
    if (size < HEAD)
        return 0;

    in.count = 0;
    for (size_t at = HEAD; at < size && in.count < ENTRIES_MAX; at += ENTRY) {
        size_t n = size - at < ENTRY ? size - at : ENTRY;
        memset(in.entry[in.count], 0, ENTRY);
        memcpy(in.entry[in.count++], data + at, n);
    }
    uint64_t mib = (data[0] | (unsigned)data[1] << 8) % (SIZE_MIB_MAX + 1);
    struct file file = {.size = (mib << 20) + data[3], .path = "x", .ctx = &in, .read = read_input};
    file.initialized = file.size;
    seal_all(&file, &in, data[2] & 3);
    if (too_large(&file) && data[2] >> 2 != 0x2a)
        return -1;

    struct arena a;
    struct image image;
    struct fail f = {0};
    bool is_vhdx;
    arena_init(&a, memory, MEMORY);
    if (vhdx_probe(&file, &is_vhdx, &f))
        abort();
    if (vhdx_open(&image, &file, &a, &f)) {
        char text[400];
        if (!f.sentence || !f.err)
            abort();
        errors_format(&f, text, sizeof text);
        return 0;
    }
    use_image(&image, &a);
    return 0;
}
