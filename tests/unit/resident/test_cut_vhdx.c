/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Power cuts of VHDXs (cut_world.c), by the handler that knows their tables. One block of a
 * differencing disk is zeros by the leaf's own word; of another the leaf has all sectors, and its
 * state is "partially present" all the same.
 */
#define RESIDENT_VHDX
#include "core/vhdx/format.h"
#include "core/vhdx/slack.h"
#include "core/vhdx/vhdx.h"
#include "unit/vhdx_builder.h"

#include "unit/resident/cut_world.c"

#define BLOCK_ZERO  4u /* of a differencing leaf: in state ZERO */
#define BLOCK_WHOLE 2u /* of a differencing one: all bits are set */

#define BITS        (VX_BAT + MIB) /* where a differencing one's lie */

static uint64_t bitmap_at; /* bytes: of the leaf */

static enum err image_open(struct image *image, struct file *file, struct arena *a, struct fail *f_)
{
    return vhdx_open(image, file, a, f_);
}

static uint32_t entry_size(void)
{
    return 8;
}

static uint32_t entry_block(uint32_t index)
{
    return index; /* all disks here are shorter than a chunk */
}

static void leftovers_make(void)
{
}

static void bits_judge(uint32_t lba, const uint8_t *data)
{
    (void)lba;
    (void)data;
}

static uint64_t entry_of(uint32_t block)
{
    le64 entry;
    memcpy(&entry, cut + (size_t)slack.bat_sector * 512 + block * 8, 8);
    return le64_get(entry);
}

static uint32_t block_of(uint32_t sector, bool *data)
{
    uint32_t bits = sector - (uint32_t)(bitmap_at / 512);
    *data = false;
    if (bitmap_at && bits < 2048)
        return bits * 4096 / shape.block;
    *data = true;
    for (uint32_t n = 0; n < shape.blocks; n++)
        if ((entry_of(n) & 7) >= 6 && sector - (uint32_t)(entry_of(n) >> 20 << 11) < shape.block)
            return n;
    return shape.blocks;
}

/* A block with every `part`th group of sectors. Each sector's number is `number`; what is seen goes
 * to `seen`. */
static void block_make(struct vx *x, uint32_t n, unsigned state, uint32_t part, uint32_t number,
                       uint32_t *seen)
{
    uint64_t data = vx_block(x, n, state);
    bool partial = state == VHDX_PARTIALLY_PRESENT;
    for (uint32_t i = 0; i < shape.block; i++) {
        uint32_t lba = n * shape.block + i;
        bool set = i / 7 % part == 0;
        if (set && partial)
            *vx_at(x, BITS + lba / 8) |= (uint8_t)(1u << (lba & 7));
        if (set)
            content(vx_at(x, data + (uint64_t)i * 512), lba, number);
        if ((set || !partial) && lba < sector_count())
            seen[lba] = set ? number : 0;
    }
}

/* An image whose blocks from `first` on, every `step`th, are there; in differencing ones with every
 * `part`th group of sectors. */
static struct vx *image_make(bool differencing, uint32_t first, uint32_t step, uint32_t part,
                             uint32_t number, uint32_t *seen)
{
    uint64_t size = (uint64_t)sector_count() * 512;
    struct vx *x =
        differencing ? vx_child(size, shape.block * 512) : vx_new(size, shape.block * 512, 0);
    if (differencing)
        CHECK_EQ(vx_bitmap(x, 0), BITS);
    for (uint32_t n = first; n < shape.blocks; n += step)
        block_make(x, n, differencing ? VHDX_PARTIALLY_PRESENT : VHDX_FULLY_PRESENT,
                   differencing && n == BLOCK_WHOLE ? 1 : part, number, seen);
    return x;
}

/* The file as it lies on the drive. */
static uint32_t image_put(struct vx *x, uint8_t *bytes, uint32_t room)
{
    CHECK(x->file.size <= room);
    CHECK_EQ(vx_read(&x->file, 0, bytes, (uint32_t)x->file.size, &f), ERR_OK);
    uint32_t size = (uint32_t)x->file.size;
    vx_free(x);
    return size;
}

/* `slots` slots and the MiB of the note, behind the leaf's `size` bytes. */
static uint32_t slack_make(uint32_t size)
{
    uint32_t free = shape.slots * shape.block * 512, first = size, junk = shape.junk ? free : 0;
    CHECK(size + free + (1u << 20) <= LEAF_ROOM);
    if (shape.note == NOTE_OF_PART)
        first += junk = free / 3 / 512 * 512;
    else if (shape.note > NOTE_OF_PART)
        junk = free;
    memset(leaf + size, 0, free + (1u << 20));
    memset(leaf + size, 0xa5, junk);
    size += free;
    if (shape.note == NOTE_NONE)
        return size;
    size += 1u << 20;
    uint8_t id[16], *at = leaf + size - 512;
    memset(id, shape.note == NOTE_OTHER_FILE ? 0xf2 : 0xf1, sizeof id);
    slack_note_make((struct slack_note *)at, id, first,
                    size - 512 + (shape.note == NOTE_OTHER_PLACE ? 512 : 0));
    if (shape.note == NOTE_HALF)
        memset(at + 40, 0, 472);
    return size;
}

static void zero_make(struct vx *x, uint32_t n, unsigned state)
{
    vx_bat_set(x, n, state);
    memset(want + (size_t)n * shape.block, 0, shape.block * sizeof want[0]);
}

/* A differencing leaf's blocks, each in a state by chance, with junk for bits where the state needs
 * none. */
static void states_deal(struct vx *x)
{
    static const uint8_t states[] = {VHDX_NOT_PRESENT,
                                     VHDX_NOT_PRESENT,
                                     VHDX_NOT_PRESENT,
                                     VHDX_UNDEFINED,
                                     VHDX_ZERO,
                                     VHDX_UNMAPPED,
                                     VHDX_FULLY_PRESENT,
                                     VHDX_PARTIALLY_PRESENT,
                                     VHDX_PARTIALLY_PRESENT};
    for (uint32_t n = 0; n < shape.blocks; n++) {
        unsigned state = states[random_below(sizeof states)];
        if (state != VHDX_PARTIALLY_PRESENT)
            memset(vx_at(x, BITS + n * shape.block / 8), 0xa5, shape.block / 8);
        if (state >= VHDX_FULLY_PRESENT)
            block_make(x, n, state, 1 + random_below(3), 0x7000000, want);
        else if (state != VHDX_NOT_PRESENT)
            zero_make(x, n, state);
    }
}

static void images_make(void)
{
    struct vx *x;
    for (unsigned n = shape.depth; n; n--) {
        x = image_make(n < shape.depth, n % 2 ? 1 : 0, n % 2 ? 3 : 2, n < shape.depth ? 2 + n : 1,
                       0x1000000 * n, ground);
        uint32_t size = image_put(x, parent[n - 1], PARENT_ROOM);
        file_init(&link[n].file, parent[n - 1], size);
        extent[n][0] = (struct extent){0, PARENT_PLACE + (n - 1) * PARENT_SPACE, size / 512};
        CHECK(size / 512 <= PARENT_SPACE);
        link[n].extents = (struct extent_list){extent[n], 1};
    }
    memcpy(want, ground, sizeof(want));
    x = image_make(shape.depth, shape.dealt ? shape.blocks : 2, 5, shape.depth ? 3 : 2, 0x7000000,
                   want);
    bitmap_at = shape.depth ? BITS : 0;
    if (shape.dealt) {
        states_deal(x);
    } else if (shape.depth) {
        zero_make(x, BLOCK_ZERO, VHDX_ZERO);
        memset(vx_at(x, bitmap_at) + (size_t)6 * shape.block / 8, 0xa5, shape.block / 8); /* junk */
    }
    leaf_sectors = slack_make(image_put(x, leaf, LEAF_ROOM)) / 512;
}

#define DEALS 10u

static const uint32_t sizes[] = {2048, 4096, 8192};
static const uint32_t blocks[] = {14, 8, 5};

static void shapes_run(unsigned depth)
{
    cuts = 0;
    for (unsigned s = 0; s < 3; s++)
        for (enum note note = NOTE_NONE; note < NOTE_KINDS; note++) {
            uint64_t before = cuts;
            if (note > NOTE_GOOD && (depth || s))
                break;
            if (note == NOTE_NONE && s == 2) /* 32 MiB of junk to look at, over and over */
                continue;
            shape = (struct shape){depth, sizes[s], blocks[s], s == 2 ? 3 : 5, !note, note, 0};
            shape_run();
            printf("# %s, depth %u, blocks of %u KiB, note %u: %u cuts\n",
                   depth ? "differencing" : "dynamic", depth, sizes[s] / 2, note,
                   (unsigned)(cuts - before));
        }
    CHECK(cuts > (SESSIONS > 1 ? 1500 : 500));
}

/* Of blocks of 1 MiB two share a sector of bits: each in any state. */
TEST(power_cuts_of_pairs_of_blocks)
{
    cuts = 0;
    for (unsigned n = 1; n <= DEALS; n++) {
        shape = (struct shape){.depth = 1 + n % 2,
                               .block = 2048,
                               .blocks = 6,
                               .slots = 4,
                               .junk = n == DEALS,
                               .note = n < DEALS ? NOTE_GOOD : NOTE_NONE,
                               .dealt = n};
        shape_run();
    }
    printf("# %u deals: %u cuts\n", DEALS, (unsigned)cuts);
    CHECK(cuts > DEALS * 100);
}

TEST(power_cuts_dynamic_vhdx)
{
    shapes_run(0);
}

TEST(power_cuts_differencing_vhdx_1)
{
    shapes_run(1);
}

TEST(power_cuts_differencing_vhdx_2)
{
    shapes_run(2);
}
