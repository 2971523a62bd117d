/* SPDX-License-Identifier: GPL-2.0-or-later */
/* geometry.c: what disks of other makers were partitioned and formatted with. */
#include "unit/unit.h"
#include "geometry.c"

static uint8_t disk[70000][512];
static struct blk blk;

static enum err disk_read(struct blk *b, uint64_t lba, uint32_t count, void *buf, struct fail *f)
{
    (void)b, (void)f;
    memcpy(buf, disk[lba], count * 512u);
    return ERR_OK;
}

static void start(uint64_t sectors)
{
    memset(disk, 0, sizeof(disk));
    blk = (struct blk){.read = disk_read, .sectors = sectors};
    disk[0][510] = 0x55;
    disk[0][511] = 0xaa;
}

static void put_chs(uint8_t *to, uint32_t lba, unsigned heads, unsigned spt)
{
    uint32_t cylinder = lba / (heads * spt);
    if (cylinder > 1023) {
        memcpy(to, "\xfe\xff\xff", 3);
        return;
    }
    to[0] = (uint8_t)(lba / spt % heads);
    to[1] = (uint8_t)((lba % spt + 1) | cylinder >> 8 << 6);
    to[2] = (uint8_t)cylinder;
}

static void entry(unsigned i, bool active, uint32_t lba, uint32_t count, unsigned heads,
                  unsigned spt)
{
    uint8_t *e = disk[0] + 0x1be + i * 16;
    e[0] = active ? 0x80 : 0;
    e[4] = 7;
    put_chs(e + 1, lba, heads, spt);
    put_chs(e + 5, lba + count - 1, heads, spt);
    memcpy(e + 8, &lba, 4);
    memcpy(e + 12, &count, 4);
}

static void bpb(uint32_t lba, unsigned heads, unsigned spt)
{
    uint8_t *s = disk[lba];
    s[0] = 0xeb;
    s[0x0b] = 0;
    s[0x0c] = 2;
    s[0x15] = 0xf8;
    s[0x18] = (uint8_t)spt;
    s[0x1a] = (uint8_t)heads;
    s[0x1b] = (uint8_t)(heads >> 8);
    s[510] = 0x55;
    s[511] = 0xaa;
}

static void check(unsigned cylinders, unsigned heads, unsigned spt)
{
    struct geometry g;
    geometry_find(&g, &blk);
    CHECK_EQ(g.heads, heads);
    CHECK_EQ(g.sectors, spt);
    CHECK_EQ(g.cylinders, cylinders);
}

TEST(without_any_table)
{
    start(16 * 16065 + 5);
    disk[0][510] = 0;
    check(16, 255, 63);
    start(16 * 16065 + 5);
    check(16, 255, 63);
    start(1ull << 40);
    check(1024, 255, 63);
}

TEST(partition_table_of_today)
{
    start(2000000);
    entry(0, true, 2048, 60000, 255, 63);
    check(124, 255, 63);
}

TEST(what_the_boot_sector_says_and_the_table_confirms)
{
    start(2000000);
    entry(0, true, 63, 1008 * 60 - 63, 16, 63);
    bpb(63, 16, 63);
    check(1024, 16, 63);
}

TEST(a_boot_sector_that_the_table_contradicts)
{
    start(2000000);
    entry(0, true, 63, 16065 * 4 - 63, 255, 63);
    bpb(63, 64, 32);
    check(124, 255, 63);
}

TEST(a_table_that_cannot_say_leaves_the_boot_sector)
{
    start(2000000);
    entry(0, true, 2048, 60000, 255, 63);
    memcpy(disk[0] + 0x1be + 1, "\xfe\xff\xff", 3);
    memcpy(disk[0] + 0x1be + 5, "\xfe\xff\xff", 3);
    bpb(2048, 240, 63);
    check(2000000 / (240 * 63), 240, 63);
}

TEST(old_tables_of_every_usual_kind)
{
    static const struct {
        unsigned heads, spt;
    } kinds[] = {{16, 63}, {32, 63}, {64, 63}, {128, 63}, {240, 63}, {64, 32}, {255, 63}};
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        unsigned h = kinds[i].heads, s = kinds[i].spt, c = 2000000 / (h * s);
        start(2000000);
        entry(1, false, s, 4 * h * s - s, h, s);
        check(c > 1024 ? 1024 : c, h, s);
    }
}

TEST(insane_boot_sectors)
{
    static const unsigned bad[][2] = {{0, 63}, {256, 63}, {255, 0}, {255, 64}, {0, 0}};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        start(2000000);
        entry(0, true, 2048, 60000, 255, 63);
        bpb(2048, bad[i][0], bad[i][1]);
        check(124, 255, 63);
    }
}

TEST(contradictions_everywhere)
{
    start(2000000);
    entry(0, true, 2048, 60000, 255, 63);
    disk[0][0x1be + 2] = 0x3f; /* starts at another sector than its lba says */
    disk[0][0x1be + 6] = 0x01;
    check(124, 255, 63);
    bpb(2048, 64, 32);
    check(2000000 / 2048, 64, 32);
}

TEST(protective_table)
{
    start(2000000);
    entry(0, false, 1, 1999999, 16, 63);
    disk[0][0x1be + 4] = 0xee;
    check(124, 255, 63);
}

TEST(a_volume_without_a_table)
{
    start(60000);
    bpb(0, 16, 63);
    check(60000 / 1008, 16, 63);
}

TEST(small_disks_are_not_larger_than_they_are)
{
    for (uint32_t sectors = 1; sectors < 20000; sectors += 7) {
        struct geometry g;
        start(sectors);
        geometry_find(&g, &blk);
        CHECK(g.cylinders && g.heads && g.sectors);
        CHECK((uint32_t)g.cylinders * g.heads * g.sectors <= sectors);
    }
}

TEST(partitions_beyond_the_disk)
{
    start(5000);
    entry(0, true, 4000000, 60000, 255, 63);
    struct geometry g;
    geometry_find(&g, &blk);
    CHECK(g.cylinders);
}
