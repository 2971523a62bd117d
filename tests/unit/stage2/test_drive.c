/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drive.c against a simulated BIOS with the quirks of real ones. */
#include "unit/unit.h"

static uint8_t disk_buffer[65536];
#define DRIVE_BUFFER disk_buffer
#include "pc/drive.c"

#define DISK_SECTORS 20000u

static struct {
    bool edd, edd48, chs;
    unsigned sector_size;
    unsigned most;      /* BIOS sectors that a call takes */
    unsigned fail_next; /* calls that fail before one succeeds */
    uint64_t limit;     /* sectors beyond are refused; 0: none */
    uint64_t told;      /* what AH=48h says; 0: DISK_SECTORS */
    bool wraps;         /* only the lowest 28 bits of an lba count */
    bool fails_after_reset;
    uint64_t bad_lba; /* this 512-byte sector is damaged */
    bool silent;      /* CF = 1 with AH = 0 */
    unsigned heads, per_track;
    unsigned reads, resets;
} bios;

static uint8_t sector_byte(uint64_t lba, unsigned i)
{
    if (!lba && i >= 510) /* a boot sector */
        return i == 510 ? 0x55 : 0xaa;
    return (uint8_t)(lba * 7 + (lba >> 8) + i);
}

static uint8_t serve(uint64_t lba, uint32_t count, unsigned shift)
{
    bios.reads++;
    if (bios.fail_next) {
        bios.fail_next--;
        return 0x80;
    }
    if (count > bios.most || !count)
        return 0x09;
    CHECK((count << shift) * 512 <= 65536);
    lba <<= shift;
    count <<= shift;
    if (bios.wraps)
        lba &= 0xfffffff;
    if (bios.limit && lba + count > bios.limit)
        return 0x01;
    for (uint32_t s = 0; s < count; s++) {
        if (lba + s == bios.bad_lba)
            return 0x10;
        for (unsigned i = 0; i < 512; i++)
            disk_buffer[s * 512 + i] = sector_byte(lba + s, i);
    }
    return 0;
}

static uint8_t call_42(const struct bios_regs *r)
{
    CHECK_EQ(r->esi, (uintptr_t)&packet & 15);
    CHECK_EQ(packet.size, 16);
    CHECK_EQ(packet.segment, DISK_BUFFER >> 4);
    unsigned shift = bios.sector_size == 4096 ? 3 : 0;
    return serve(packet.lba, packet.count, shift);
}

static uint8_t call_02(const struct bios_regs *r)
{
    unsigned cylinder = (r->ecx >> 8 & 0xff) | (r->ecx & 0xc0) << 2;
    unsigned head = r->edx >> 8 & 0xff;
    unsigned sector = r->ecx & 0x3f;
    CHECK(sector >= 1 && sector <= bios.per_track && head < bios.heads);
    uint64_t lba = ((uint64_t)cylinder * bios.heads + head) * bios.per_track + sector - 1;
    CHECK(sector - 1 + (r->eax & 0xff) <= bios.per_track);
    return serve(lba, r->eax & 0xff, 0);
}

static uint8_t call_48(void)
{
    struct edd_parameters *told = &parameters.told;
    CHECK(le16_get(told->size) == 0x1e && !le16_get(told->flags) && !le16_get(told->sector_size));
    uint64_t sectors = (bios.told ? bios.told : DISK_SECTORS) * 512 / bios.sector_size;
    told->sectors = le64_make((uint32_t)sectors);
    told->sector_size = le16_make((uint16_t)bios.sector_size);
    return 0;
}

void bios_call(uint8_t vector, struct bios_regs *r)
{
    CHECK_EQ(vector, 0x13);
    CHECK_EQ(r->edx & 0xff, 0x80);
    uint8_t status = 1;
    switch (r->eax >> 8 & 0xff) {
    case 0x00:
        bios.resets++;
        bios.fail_next += bios.fails_after_reset;
        status = 0;
        break;
    case 0x02:
        status = bios.chs ? call_02(r) : 1;
        break;
    case 0x08:
        r->ecx = 0xff00 | bios.per_track;
        r->edx = (bios.heads - 1) << 8 | 1;
        status = bios.chs ? 0 : 1;
        break;
    case 0x41:
        r->ebx = 0xaa55;
        r->ecx = 5;
        status = bios.edd ? 0 : 1;
        break;
    case 0x42:
        status = call_42(r);
        break;
    case 0x48:
        status = bios.edd48 ? call_48() : 1;
        break;
    default:
        break;
    }
    r->eax = (bios.silent ? 0 : (uint32_t)status << 8);
    r->eflags = status ? BIOS_CARRY : 0;
}

static struct fail f;
static struct drive d;
static uint8_t data[1000 * 512];

static void bios_new(void)
{
    memset(&bios, 0, sizeof bios);
    bios.edd = bios.edd48 = bios.chs = true;
    bios.sector_size = 512;
    bios.most = 127;
    bios.bad_lba = UINT64_MAX;
    bios.heads = 16;
    bios.per_track = 63;
}

static bool right(uint64_t lba, uint32_t count)
{
    for (uint32_t s = 0; s < count; s++) {
        for (unsigned i = 0; i < 512; i++) {
            if (data[s * 512 + i] != sector_byte(lba + s, i))
                return false;
        }
    }
    return true;
}

static enum err read_sectors(uint64_t lba, uint32_t count)
{
    memset(data, 0xee, sizeof data);
    return blk_read(&d.blk, lba, count, data, &f);
}

TEST(drive_edd)
{
    bios_new();
    CHECK_EQ(drive_init(&d, 0x80, &f), ERR_OK);
    CHECK(d.edd);
    CHECK_EQ(d.blk.sectors, DISK_SECTORS);
    CHECK_EQ(d.heads, 16);
    CHECK_EQ(read_sectors(1000, 1000), ERR_OK);
    CHECK(right(1000, 1000));
    CHECK_EQ(bios.reads, 8);
    CHECK_EQ(d.blk.reads, 1);
    CHECK_EQ(d.blk.sectors_read, 1000);
    CHECK_EQ(read_sectors(DISK_SECTORS - 1, 2), ERR_READ);
    CHECK_EQ(read_sectors(DISK_SECTORS - 1, 1), ERR_OK);
}

TEST(drive_without_48h_has_unknown_size)
{
    bios_new();
    bios.edd48 = false;
    CHECK_EQ(drive_init(&d, 0x80, &f), ERR_OK);
    CHECK_EQ(d.blk.sectors, UINT64_MAX);
    CHECK_EQ(read_sectors(5, 3), ERR_OK);
    CHECK(right(5, 3));
}

TEST(drive_chs)
{
    bios_new();
    bios.edd = false;
    CHECK_EQ(drive_init(&d, 0x80, &f), ERR_OK);
    CHECK(!d.edd);
    CHECK_EQ(read_sectors(60, 200), ERR_OK);
    CHECK(right(60, 200));
    CHECK_EQ(bios.reads, 5); /* 3 to the track's end, then 63, 63, 63, 8 */
    CHECK_EQ(read_sectors(1024 * 16 * 63 - 1, 1), ERR_OK);
    CHECK_EQ(read_sectors(1024 * 16 * 63 - 1, 2), ERR_BIOS);
}

TEST(drive_unknown)
{
    bios_new();
    bios.edd = bios.chs = false;
    CHECK_EQ(drive_init(&d, 0x80, &f), ERR_BIOS);
}

TEST(drive_256_heads)
{
    bios_new();
    bios.edd = false;
    bios.heads = 256;
    CHECK_EQ(drive_init(&d, 0x80, &f), ERR_OK);
    CHECK_EQ(d.heads, 255);
}

TEST(drive_retries)
{
    bios_new();
    CHECK_EQ(drive_init(&d, 0x80, &f), ERR_OK);
    bios.fail_next = 2;
    CHECK_EQ(read_sectors(0, 10), ERR_OK);
    CHECK(right(0, 10));
    CHECK_EQ(bios.resets, 1);
    CHECK_EQ(d.sectors_max, 127);
}

TEST(drive_first_read_after_a_reset_fails)
{
    bios_new();
    CHECK_EQ(drive_init(&d, 0x80, &f), ERR_OK);
    bios.fails_after_reset = true;
    bios.fail_next = 1;
    bios.most = 7;
    CHECK_EQ(read_sectors(100, 50), ERR_OK);
    CHECK(right(100, 50));
    CHECK_EQ(d.sectors_max, 6);
}

TEST(drive_learns_how_much_a_call_takes)
{
    static const uint8_t most[] = {127, 63, 7, 1};
    for (unsigned i = 0; i < sizeof most; i++) {
        bios_new();
        bios.most = most[i];
        CHECK_EQ(drive_init(&d, 0x80, &f), ERR_OK);
        drive_learn(&d);
        CHECK_EQ(d.sectors_max, most[i]);
    }
    bios_new();
    bios.edd = false;
    CHECK_EQ(drive_init(&d, 0x80, &f), ERR_OK);
    drive_learn(&d);
    CHECK_EQ(d.sectors_max, 63);
    bios.bad_lba = 0;
    bios.most = 31;
    drive_learn(&d);
    CHECK_EQ(d.sectors_max, 63);
}

TEST(drive_names_how_far_the_bios_reads)
{
    bios_new();
    CHECK_EQ(drive_init(&d, 0x80, &f), ERR_OK);
    d.blk.sectors = UINT64_MAX;
    bios.limit = 268435456;
    CHECK_EQ(read_sectors(1000000000, 1), ERR_BIOS);
    CHECK_STR(f.sentence, "this BIOS reads only the first %u GB of the drive; it lies beyond");
    CHECK_EQ(f.value, 137);
    bios.limit = 16450560;
    CHECK_EQ(read_sectors(1000000000, 1), ERR_BIOS);
    CHECK_EQ(f.value, 8);
    bios.limit = 1032192;
    CHECK_EQ(read_sectors(300000000, 8), ERR_BIOS);
    CHECK_STR(f.sentence, "this BIOS reads only the first %u MiB of the drive; it lies beyond");
    CHECK_EQ(f.value, 504);
}

TEST(drive_names_a_limit_right_below_what_it_reads)
{
    bios_new();
    bios.told = 40000000;
    CHECK_EQ(drive_init(&d, 0x80, &f), ERR_OK);
    bios.limit = 16450560;
    CHECK_EQ(read_sectors(16450559, 1), ERR_OK);
    CHECK_EQ(read_sectors(16450559, 2), ERR_BIOS);
    CHECK_EQ(f.value, 8);
    CHECK_EQ(read_sectors(16450560, 1), ERR_BIOS);
    bios.limit = 40000000 - 5; /* the drive's last sectors: who knows why */
    CHECK_EQ(read_sectors(40000000 - 1, 1), ERR_READ);
}

TEST(drive_sees_that_the_bios_wraps_at_137_gb)
{
    bios_new();
    bios.told = 1000000000;
    CHECK_EQ(drive_init(&d, 0x80, &f), ERR_OK);
    CHECK(!d.wraps);
    CHECK_EQ(read_sectors(268435456 + 9, 1), ERR_OK);
    bios.wraps = true;
    CHECK_EQ(drive_init(&d, 0x80, &f), ERR_OK);
    CHECK(d.wraps);
    CHECK_EQ(read_sectors(268435455, 1), ERR_OK);
    CHECK_EQ(read_sectors(268435455, 2), ERR_BIOS);
    CHECK_STR(f.sentence, "this BIOS reads only the first %u GB of the drive; it lies beyond");
    CHECK_EQ(f.value, 137);
    uint8_t sector[512] = {0};
    CHECK_EQ(blk_write(&d.blk, 268435456, 1, sector, &f), ERR_BIOS);
    bios.told = 268435456; /* then there is nothing to ask */
    unsigned reads = bios.reads;
    CHECK_EQ(drive_init(&d, 0x80, &f), ERR_OK);
    CHECK_EQ(bios.reads, reads);
}

TEST(drive_small_calls_only)
{
    static const unsigned most[] = {1, 7, 63, 64, 126};
    for (unsigned i = 0; i < sizeof most / sizeof most[0]; i++) {
        bios_new();
        bios.most = most[i];
        CHECK_EQ(drive_init(&d, 0x80, &f), ERR_OK);
        CHECK_EQ(read_sectors(100, 300), ERR_OK);
        CHECK(right(100, 300));
        CHECK(d.sectors_max <= most[i]);
        bios.reads = bios.resets = 0;
        CHECK_EQ(read_sectors(100, 300), ERR_OK);
        CHECK_EQ(bios.resets, 0); /* the size is remembered */
    }
}

TEST(drive_damaged_sector)
{
    bios_new();
    bios.bad_lba = 150;
    CHECK_EQ(drive_init(&d, 0x80, &f), ERR_OK);
    CHECK_EQ(read_sectors(100, 100), ERR_READ);
    char line[200];
    errors_format(&f, line, sizeof line);
    CHECK_STR(line, "sector 150 is damaged (error 10h)");
    CHECK_EQ(d.sectors_max, 127); /* nothing learned about the BIOS */
    CHECK(bios.reads < 40);
    CHECK_EQ(read_sectors(151, 100), ERR_OK);
}

TEST(drive_error_without_status)
{
    bios_new();
    bios.silent = true;
    bios.bad_lba = 3;
    CHECK_EQ(drive_init(&d, 0x80, &f), ERR_OK);
    CHECK_EQ(read_sectors(3, 1), ERR_READ);
}

TEST(drive_4096)
{
    bios_new();
    bios.sector_size = 4096;
    bios.most = 15;
    CHECK_EQ(drive_init(&d, 0x80, &f), ERR_OK);
    CHECK_EQ(d.sector_shift, 3);
    CHECK_EQ(d.blk.sectors, DISK_SECTORS);
    for (unsigned lba = 1000; lba < 1009; lba++) {
        for (unsigned count = 1; count < 300; count += 13) {
            CHECK_EQ(read_sectors(lba, count), ERR_OK);
            CHECK(right(lba, count));
            CHECK_EQ(data[count * 512], 0xee);
        }
    }
    CHECK_EQ(d.sectors_max, 120);
    bios.most = 4;
    CHECK_EQ(read_sectors(1001, 300), ERR_OK);
    CHECK(right(1001, 300));
    CHECK(d.sectors_max <= 32 && d.sectors_max % 8 == 0);
}

TEST(drive_odd_sector_size)
{
    bios_new();
    bios.sector_size = 520;
    CHECK_EQ(drive_init(&d, 0x80, &f), ERR_UNSUPPORTED);
}
