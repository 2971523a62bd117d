/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything that core does with a VHD, on a file that the fuzzer makes up: open, check, walk, find
 * the slack, compile the map of a disk that grows. The
 * input is the file's size and then its sectors that are not zero:
 *
 *   0  u32  size in bytes        4  u8  1: leave checksums as they are; else they are made right
 *   5  from here on: u32 sector number, 512 bytes (tests/fuzz/seeds_vhd makes such files)
 */
#include <stdlib.h>
#include <string.h>
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/crc32.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/vhd/format.h"
#include "core/vhd/vhd.h"
#include "fuzz/growth.h"
#include "fuzz/parents.h"

#define HEAD        5
#define ENTRY       (4 + SECTOR_SIZE)
#define ENTRIES_MAX 128
#define MEMORY      (4u << 20)
#define RUNS_MAX    300

struct input {
    uint8_t entry[ENTRIES_MAX][ENTRY];
    unsigned count;
};

static uint64_t entry_offset(const struct input *in, unsigned i)
{
    le32 number;
    memcpy(&number, in->entry[i], sizeof number);
    return (uint64_t)le32_get(number) << SECTOR_SHIFT;
}

static enum err read_input(struct file *file, uint64_t off, void *buf, uint32_t len, struct fail *f)
{
    const struct input *in = file->ctx;
    (void)f;
    if (!range_ok(off, len, file->size))
        abort();
    memset(buf, 0, len);
    for (unsigned i = 0; i < in->count; i++) {
        uint64_t start = entry_offset(in, i);
        uint64_t from = start > off ? start : off;
        uint64_t to = start + SECTOR_SIZE < off + len ? start + SECTOR_SIZE : off + len;
        if (from < to)
            memcpy((uint8_t *)buf + (from - off), in->entry[i] + 4 + (from - start), to - from);
    }
    return ERR_OK;
}

/* Makes the checksum of the structure at `off` right where its parts lie in whole sectors. */
static void seal(struct file *file, struct input *in, uint64_t off, uint32_t len, uint32_t sum_at)
{
    uint8_t buf[1024];
    struct fail f;
    uint32_t sum = 0;
    if (!range_ok(off, len, file->size))
        return;
    (void)read_input(file, off, buf, len, &f);
    memset(buf + sum_at, 0, 4);
    for (uint32_t i = 0; i < len; i++)
        sum += buf[i];
    be32 right = be32_make(~sum);
    for (unsigned i = in->count; i > 0; i--) {
        if (entry_offset(in, i - 1) != off)
            continue;
        memcpy(in->entry[i - 1] + 4 + sum_at, &right, 4);
        return;
    }
}

static void seal_all(struct file *file, struct input *in)
{
    for (unsigned i = 0; i < in->count; i++) {
        const uint8_t *sector = in->entry[i] + 4;
        if (!memcmp(sector, "conectix", 8))
            seal(file, in, entry_offset(in, i), 512, 64);
        if (!memcmp(sector, "cxsparse", 8))
            seal(file, in, entry_offset(in, i), 1024, 36);
        if (!memcmp(sector, SLACK_NOTE_COOKIE, 8)) {
            be32 sum = {{0}};
            memcpy(in->entry[i] + 16, &sum, sizeof sum);
            sum = be32_make(crc32_ieee(0, sector, SECTOR_SIZE));
            memcpy(in->entry[i] + 16, &sum, sizeof sum);
        }
    }
}

static void use_image(struct image *image, struct arena *a)
{
    struct fail f = {0};
    size_t mark = arena_mark(a);
    if (!image->sectors)
        abort();
    check_parents(image, a);
    if (image->check && image->check(image, a, &f) && !f.sentence)
        abort();
    if (arena_mark(a) != mark)
        abort();

    uint64_t lba = 0;
    for (unsigned i = 0; i < RUNS_MAX && lba < image->sectors; i++) {
        struct image_run run = {0};
        if (image->run(image, lba, &run, &f))
            break;
        if (!run.count || run.count > image->sectors - lba)
            abort();
        if (run.state == IMAGE_DATA &&
            !range_ok(run.file_sector, run.count, (image->file->size + 511) >> SECTOR_SHIFT))
            abort();
        lba += run.count;
    }
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
    le32 file_size;
    memcpy(&file_size, data, sizeof file_size);
    struct file file = {.size = le32_get(file_size), .path = "x", .ctx = &in, .read = read_input};
    file.initialized = file.size;
    if (!(data[4] & 1))
        seal_all(&file, &in);

    struct arena a;
    struct image image;
    struct fail f = {0};
    bool is_vhd;
    arena_init(&a, memory, MEMORY);
    if (vhd_probe(&file, &is_vhd, &f))
        abort();
    if (vhd_open(&image, &file, &a, &f)) {
        if (!f.sentence || !f.err)
            abort();
        return 0;
    }
    use_image(&image, &a);
    growth_check(&image, &a);
    return 0;
}
