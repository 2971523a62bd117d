/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Power cuts of VHDs (cut_world.c). Dynamic disks are judged by both kinds of reader, those that
 * ignore the blocks' bitmaps and those that read zeros where a bit is 0.
 */
#include "core/vhd/slack.h"
#include "core/vhd/vhd.h"
#include "unit/vhd_builder.h"

#include "unit/resident/cut_world.c"

static enum err image_open(struct image *image, struct file *file, struct arena *a, struct fail *f_)
{
    return vhd_open(image, file, a, f_);
}

static uint32_t entry_size(void)
{
    return 4;
}

static uint32_t entry_block(uint32_t index)
{
    return index;
}

/* An image whose blocks from `first` on, every `step`th, are there; in differencing ones with every
 * `part`th group of sectors. Each sector's number is `number`; what is seen goes to `seen`. */
static void image_make(uint8_t *bytes, uint32_t room, bool differencing, uint8_t id, uint32_t first,
                       uint32_t step, uint32_t part, uint32_t number, uint32_t *seen,
                       struct vhd_build *b)
{
    vhd_build_start(b, bytes, room, differencing ? 4 : 3, (uint64_t)sector_count() * 512,
                    shape.block * 512, id);
    memset(vhd_header_at(b) + 40, id + 1, 16); /* a parent's id is one more */
    for (uint32_t n = first; n < shape.blocks; n += step) {
        uint8_t *bits = vhd_build_block(b, n);
        uint8_t *data = bits + vhd_bitmap_bytes(b);
        for (uint32_t i = 0; i < shape.block; i++) {
            uint32_t lba = n * shape.block + i;
            bool set = part == 1 || i / 7 % part == 0;
            if (set)
                bits[i >> 3] |= 0x80 >> (i & 7);
            if (set || !differencing) /* bit 0 of a dynamic disk: zeros */
                content(data + i * 512, lba, set ? number : 0);
            if (set || !differencing)
                if (lba < sector_count())
                    seen[lba] = set ? number : 0;
        }
    }
}

/* Slack of `free` bytes at the leaf's end, and a note. */
static void slack_make(struct vhd_build *b, uint32_t free)
{
    uint32_t first = b->used, junk = shape.junk ? free : 0;
    CHECK(b->used + free + 1024 <= LEAF_ROOM);
    if (shape.note == NOTE_OF_PART)
        first += junk = free / 3 / 512 * 512;
    else if (shape.note > NOTE_OF_PART)
        junk = free;
    memset(b->file + b->used, 0, free);
    memset(b->file + b->used, 0xa5, junk);
    b->used += free;
    if (shape.note == NOTE_NONE)
        return;
    uint8_t id[16], *at = b->file + b->used;
    memset(id, shape.note == NOTE_OTHER_FILE ? 11 : 10, sizeof id);
    slack_note_make((struct slack_note *)at, id, first,
                    b->used + (shape.note == NOTE_OTHER_PLACE ? 512 : 0));
    if (shape.note == NOTE_HALF)
        memset(at + 40, 0, 472);
    b->used += 512;
}

/* What a program leaves that puts blocks behind the last one, as QEMU does, where it is cut off
 * before it links one: a bitmap, and a copy of the footer behind the block. */
static void leftovers_make(void)
{
    uint64_t size = ((uint64_t)slack.bitmap_sectors + slack.block_sectors) << 9;
    uint64_t end = (slack.end + 511) / 512 * 512;
    if (shape.note != NOTE_GOOD || end + size + 1024 > slack.limit)
        return;
    memset(leaf + end, 0xff, slack.bitmap_sectors * 512);
    memcpy(leaf + end + size, leaf + slack.limit, 512);
}

/* Which block do sectors of the file belong to, after the write of `sector`? blocks: none. */
static uint32_t block_of(uint32_t sector, bool *data)
{
    uint32_t bitmap = slack.bitmap_sectors;
    for (uint32_t n = 0; n < shape.blocks; n++) {
        be32 entry;
        memcpy(&entry, cut + slack.bat_sector * 512 + n * 4, 4);
        if (be32_get(entry) != 0xffffffff && sector - be32_get(entry) < bitmap + shape.block) {
            *data = sector - be32_get(entry) >= bitmap;
            return n;
        }
    }
    return shape.blocks;
}

/* By the bitmap: a 0 stands over zeros. */
static void bits_judge(uint32_t lba, const uint8_t *data)
{
    be32 entry;
    memcpy(&entry, cut + slack.bat_sector * 512 + lba / shape.block * 4, 4);
    if (be32_get(entry) == 0xffffffff)
        return;
    uint32_t i = lba % shape.block;
    if (!(cut[(size_t)be32_get(entry) * 512 + (i >> 3)] << (i & 7) & 0x80))
        CHECK(is_content(data, lba, 0));
}

static void images_make(void)
{
    struct vhd_build b;
    for (unsigned n = shape.depth; n; n--) {
        image_make(parent[n - 1], PARENT_ROOM, n < shape.depth, (uint8_t)(10 + n), n % 2 ? 1 : 0,
                   n % 2 ? 3 : 2, n < shape.depth ? 2 + n : 1, 0x1000000 * n, ground, &b);
        vhd_build_end(&b);
        file_init(&link[n].file, parent[n - 1], b.used);
        extent[n][0] = (struct extent){0, PARENT_PLACE + (n - 1) * PARENT_SPACE, b.used / 512};
        CHECK(b.used / 512 <= PARENT_SPACE);
        link[n].extents = (struct extent_list){extent[n], 1};
    }
    memcpy(want, ground, sizeof(want));
    image_make(leaf, LEAF_ROOM, shape.depth, 10, 2, 5, shape.depth ? 3 : 2, 0x7000000, want, &b);
    if (!shape.depth) { /* and one of only ones */
        uint8_t *bits = vhd_build_block(&b, 1);
        memset(bits, 0xff, vhd_bitmap_bytes(&b));
        for (uint32_t i = 0; i < shape.block; i++) {
            content(bits + vhd_bitmap_bytes(&b) + i * 512, shape.block + i, 0x6000000);
            want[shape.block + i] = 0x6000000;
        }
    }
    slack_make(&b, shape.slots * (shape.block * 512 + vhd_bitmap_bytes(&b)));
    vhd_build_end(&b);
    leaf_sectors = b.used / 512;
}

static const uint32_t sizes[] = {8, 1024, 4096, 8192};
static const uint32_t blocks[] = {150, 12, 9, 7};

static void shapes_run(unsigned depth)
{
    cuts = 0;
    for (unsigned s = 0; s < 4; s++)
        for (unsigned junk = 0; junk < 2; junk++) {
            uint64_t before = cuts;
            shape = (struct shape){depth, sizes[s], blocks[s], s ? 5 : 40, junk, NOTE_NONE, 0};
            shape_run();
            printf("# %s, depth %u, blocks of %u KiB, slack of %s: %u cuts\n",
                   depth ? "differencing" : "dynamic", depth, sizes[s] / 2, junk ? "junk" : "zeros",
                   (unsigned)(cuts - before));
        }
    printf("# %u cuts in all\n", (unsigned)cuts);
    CHECK(cuts > (SESSIONS > 1 ? 5000 : 2000));
}

TEST(power_cuts_dynamic)
{
    shapes_run(0);
}

/* True notes save the handler the look at slots, and over nothing the bits; those that do not fit
 * change nothing. */
static void notes_run(unsigned depth)
{
    static const char *const names[] = {[NOTE_GOOD] = "true",
                                        [NOTE_OF_PART] = "of a part",
                                        [NOTE_OTHER_FILE] = "another file's",
                                        [NOTE_OTHER_PLACE] = "of another place",
                                        [NOTE_HALF] = "half written"};
    cuts = 0;
    for (unsigned s = 0; s < 4; s++)
        for (enum note note = NOTE_GOOD; note < NOTE_KINDS; note++) {
            uint64_t before = cuts;
            if (s >= 2 && note > NOTE_OF_PART)
                break;
            shape = (struct shape){depth, sizes[s], blocks[s], s ? 5 : 40, false, note, 0};
            shape_run();
            printf("# depth %u, blocks of %u KiB, a note that is %s: %u cuts\n", depth,
                   sizes[s] / 2, names[note], (unsigned)(cuts - before));
        }
    CHECK(cuts > (SESSIONS > 1 ? 5000 : 2000));
}

TEST(power_cuts_dynamic_with_a_note)
{
    notes_run(0);
}

TEST(power_cuts_differencing_with_a_note)
{
    notes_run(1);
}

TEST(power_cuts_differencing_1)
{
    shapes_run(1);
}

TEST(power_cuts_differencing_2)
{
    shapes_run(2);
}

TEST(power_cuts_differencing_3)
{
    shapes_run(3);
}
