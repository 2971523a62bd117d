/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dynamic and differencing VHDs: blocks, bitmaps, both footers, the BAT, what is refused.
 *
 * Long because all tests damage the one image that is built here, a field each.
 */
#include "core/vhd/vhd.h"
#include "unit/vhd_builder.h"

#define KIB 1024u
#define MIB (1u << 20)

static uint8_t bytes[48 * MIB];
static struct vhd_build b;
static struct piece_file p;
static struct image image;
static struct image_run run;
static struct fail f;
static uint8_t memory[8 * MIB];
static struct arena arena;

static enum err open_size(uint64_t size)
{
    piece_file_init(&p, "\\a.vhd", size, NULL, 0);
    piece_file_put(&p, 0, bytes, b.used);
    arena_init(&arena, memory, sizeof memory);
    memset(&f, 0, sizeof f);
    return vhd_open(&image, &p.file, &arena, &f);
}

static enum err open_image(void)
{
    return open_size(b.used);
}

static void dynamic(uint64_t disk_size, uint32_t block_size)
{
    vhd_build_start(&b, bytes, sizeof bytes, 3, disk_size, block_size, 5);
}

static void differencing(uint64_t disk_size, uint32_t block_size)
{
    vhd_build_start(&b, bytes, sizeof bytes, 4, disk_size, block_size, 5);
    memset(vhd_header_at(&b) + 40, 9, 16);
}

static void check_run(uint64_t lba, enum image_state state, uint64_t count, uint64_t file_sector)
{
    CHECK_EQ(image.run(&image, lba, &run, &f), ERR_OK);
    CHECK_EQ(run.state, state);
    CHECK_EQ(run.count, count);
    if (state == IMAGE_DATA)
        CHECK_EQ(run.file_sector, file_sector);
    /* A dynamic disk's bitmap has a say in what a write takes, and open does not read it. */
    CHECK_EQ(run.in_place, state == IMAGE_DATA && image.kind == IMAGE_DIFFERENCING);
}

TEST(vhd_dynamic_blocks)
{
    static const uint32_t sizes[] = {512, 4 * KIB, 512 * KIB, 2 * MIB, 4 * MIB, 16 * MIB};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint32_t sectors = sizes[i] / 512;
        dynamic((uint64_t)sizes[i] * 9, sizes[i]);
        uint32_t second = b.used / 512;
        vhd_build_block(&b, 7);
        uint32_t first = b.used / 512;
        vhd_build_block(&b, 2);
        vhd_build_end(&b);
        CHECK_EQ(open_image(), ERR_OK);
        CHECK_EQ(image.kind, IMAGE_DYNAMIC);
        CHECK_EQ(image.block_size, sizes[i]);
        CHECK_EQ(image.sectors, (uint64_t)sectors * 9);
        CHECK_EQ(image.allocated, (uint64_t)sizes[i] * 2);
        CHECK_EQ(image.notes.count, 0);
        uint32_t bitmap = vhd_bitmap_bytes(&b) / 512;
        check_run(0, IMAGE_ABSENT, 2 * sectors, 0);
        check_run(2 * sectors, IMAGE_DATA, sectors, first + bitmap);
        check_run(3 * sectors - 1, IMAGE_DATA, 1, first + bitmap + sectors - 1);
        check_run(4 * sectors - 1, IMAGE_ABSENT, 3 * sectors + 1, 0);
        check_run(7 * sectors, IMAGE_DATA, sectors, second + bitmap);
        check_run(9 * sectors - 1, IMAGE_ABSENT, 1, 0);
    }
}

TEST(vhd_dynamic_bitmaps_are_not_read)
{
    dynamic(4 * MIB, 2 * MIB);
    uint32_t at = b.used / 512;
    vhd_build_block(&b, 0)[0] = 0x55;
    vhd_build_end(&b);
    CHECK_EQ(open_image(), ERR_OK);
    check_run(0, IMAGE_DATA, 4096, at + 1);
}

TEST(vhd_dynamic_last_block_in_part)
{
    dynamic(2 * MIB + 3 * 512, 2 * MIB);
    uint32_t at = b.used / 512;
    vhd_build_block(&b, 1);
    vhd_build_end(&b);
    CHECK_EQ(open_image(), ERR_OK);
    check_run(0, IMAGE_ABSENT, 4096, 0);
    check_run(4096, IMAGE_DATA, 3, at + 1);
    CHECK(!image.read_only);
}

TEST(vhd_dynamic_last_block_cut)
{
    dynamic(2 * MIB + 3 * 512, 2 * MIB);
    vhd_build_block(&b, 1);
    b.used -= 2 * MIB - 3 * 512;
    vhd_build_end(&b);
    CHECK_EQ(open_image(), ERR_OK);
    CHECK(image.read_only);
    CHECK(has_note(&image.notes, "cut"));
    CHECK_EQ(image.run(&image, 4096, &run, &f), ERR_OK);

    dynamic(2 * MIB + 3 * 512, 2 * MIB); /* a sector too short even for the disk */
    vhd_build_block(&b, 1);
    b.used -= 2 * MIB - 2 * 512;
    vhd_build_end(&b);
    CHECK_EQ(open_image(), ERR_IMAGE);
    CHECK(says(&f, "\\a.vhd: VHD block 1 lies beyond the end of the file"));
}

TEST(vhd_dynamic_structures_elsewhere)
{
    dynamic(9 * MIB, MIB);
    vhd_build_block(&b, 0);
    uint8_t header[1024];
    memcpy(header, vhd_header_at(&b), 1024);
    b.header_at = 64 * KIB + b.used / 512 * 512;
    put_be64(header + 16, b.header_at + 4096);
    memcpy(vhd_header_at(&b), header, 1024);
    memset(bytes + b.header_at + 4096, 0xff, 512);
    put_be32(bytes + b.header_at + 4096, 2048 / 512);
    b.used = b.header_at + 8192;
    vhd_build_end(&b);
    CHECK_EQ(open_image(), ERR_OK);
    check_run(5, IMAGE_DATA, 2043, 4 + 1 + 5);
    check_run(2048, IMAGE_ABSENT, 8 * 2048, 0);
}

TEST(vhd_dynamic_spare_and_missing_bat_entries)
{
    dynamic(8 * MIB, MIB);
    put_be32(vhd_header_at(&b) + 28, 308);
    vhd_build_end(&b);
    CHECK_EQ(open_image(), ERR_OK);
    check_run(0, IMAGE_ABSENT, 8 * 2048, 0);
    dynamic(8 * MIB, MIB);
    put_be32(vhd_header_at(&b) + 28, 7);
    vhd_build_end(&b);
    CHECK_EQ(open_image(), ERR_IMAGE);
    CHECK(says(&f, "BAT is too short for its disk: 7 entries"));
}

static enum err open_with_entry(uint32_t entry)
{
    dynamic(8 * MIB, MIB);
    vhd_build_block(&b, 1);
    put_be32(bytes + b.bat_at, entry);
    vhd_build_end(&b);
    return open_image();
}

TEST(vhd_dynamic_entries_that_cannot_be)
{
    static const uint32_t over[] = {0, 1, 2, 3};
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(open_with_entry(over[i]), ERR_IMAGE);
        CHECK(says(&f, "block 0 lies over the VHD's own header or BAT"));
    }
    CHECK_EQ(open_with_entry(4), ERR_IMAGE); /* block 1's place */
    CHECK(says(&f, "VHD block 1 lies over another block"));
    CHECK_EQ(open_with_entry(5), ERR_IMAGE);
    CHECK_EQ(open_with_entry(4 + 2048), ERR_IMAGE); /* block 1's last sector */
    CHECK_EQ(open_with_entry(4 + 2049), ERR_IMAGE); /* the footer */
    CHECK(says(&f, "VHD block 0 lies beyond the end of the file"));
    CHECK_EQ(open_with_entry(0xfffffffe), ERR_IMAGE);
}

TEST(vhd_dynamic_gaps_and_junk)
{
    dynamic(8 * MIB, MIB);
    b.used += 7 * 512; /* data at 4 KiB, and a gap */
    vhd_build_block(&b, 3);
    b.used += 12345 * 512;
    vhd_build_block(&b, 1);
    b.used += 99 * 512;
    vhd_build_end(&b);
    CHECK_EQ(open_image(), ERR_OK);
    check_run(2048 * 3, IMAGE_DATA, 2048, 4 + 7 + 1);
}

static void pair(void)
{
    dynamic(4 * MIB, 2 * MIB);
    vhd_build_block(&b, 0);
    vhd_build_end(&b);
}

TEST(vhd_dynamic_end_damaged_copy_counts)
{
    for (unsigned i = 0; i < 3; i++) {
        pair();
        uint8_t *end = bytes + b.used - 512;
        if (i == 0)
            memset(end, VHD_POISON, 512);
        else if (i == 1)
            end[200] ^= 1;
        else
            b.used -= 512; /* missing */
        CHECK_EQ(open_image(), ERR_OK);
        CHECK_EQ(image.kind, IMAGE_DYNAMIC);
        CHECK(image.read_only && image.damaged);
        CHECK(has_note(&image.notes, "copy at the start was used"));
        CHECK(image.damaged);
        check_run(0, IMAGE_DATA, 4096, 5);
    }
}

TEST(vhd_dynamic_copy_damaged_end_counts)
{
    pair();
    bytes[100] ^= 1;
    CHECK_EQ(open_image(), ERR_OK);
    CHECK(!image.read_only && image.damaged);
    CHECK(has_note(&image.notes, "copy at the start is damaged"));
    CHECK(image.damaged);
    CHECK(strstr(image.damage.sentence, "copy at the start is damaged"));
    pair();
    memset(bytes, 0, 512);
    CHECK_EQ(open_image(), ERR_OK);
    CHECK(!image.read_only && image.damaged);
    CHECK(has_note(&image.notes, "copy at the start is missing"));
    pair();
    CHECK_EQ(open_image(), ERR_OK);
    CHECK(!image.damaged);
}

TEST(vhd_dynamic_footers_differ)
{
    pair();
    b.footer[68] ^= 1;
    vhd_sum(b.footer, 512, 64);
    memcpy(bytes + b.used - 512, b.footer, 512);
    CHECK_EQ(open_image(), ERR_OK);
    CHECK_EQ(image.id[0], 5 ^ 1); /* the end's */
    CHECK(image.read_only && image.damaged);
    CHECK(has_note(&image.notes, "differ"));
    CHECK(image.damaged);
}

TEST(vhd_dynamic_both_footers_damaged)
{
    pair();
    bytes[100] ^= 1;
    bytes[b.used - 400] ^= 1;
    CHECK_EQ(open_image(), ERR_IMAGE);
    CHECK(says(&f, "wrong checksum"));
    memset(bytes + b.used - 512, VHD_POISON, 512);
    CHECK_EQ(open_image(), ERR_IMAGE);
    CHECK(says(&f, "the checksum of its copy at the start is wrong"));
}

TEST(vhd_dynamic_short_footer)
{
    pair();
    CHECK_EQ(open_size(b.used - 1), ERR_OK);
    CHECK(!image.read_only);
    check_run(0, IMAGE_DATA, 4096, 5);
}

TEST(vhd_dynamic_header_damage)
{
    static const struct {
        unsigned at;
        uint32_t value;
        const char *says;
    } cases[] = {{24, 0x00020000, "version 0x20000"}, {32, 0, "blocks of 0 bytes"},
                 {32, 3 * MIB, "no power of two"},    {32, 256, "blocks of 256 bytes"},
                 {16, 1, "reaches beyond"},           {20, 0xfffffff0, "reaches beyond"},
                 {0, 0, "no VHD dynamic header"}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dynamic(4 * MIB, 2 * MIB);
        put_be32(vhd_header_at(&b) + cases[i].at, cases[i].value);
        vhd_build_end(&b);
        CHECK(open_image() != ERR_OK);
        CHECK(says(&f, cases[i].says));
    }
    dynamic(4 * MIB, 2 * MIB);
    vhd_build_end(&b);
    bytes[512 + 700] ^= 1;
    CHECK_EQ(open_image(), ERR_IMAGE);
    CHECK(says(&f, "the VHD dynamic header at byte 512 has a wrong checksum"));
}

TEST(vhd_dynamic_header_beyond_the_file)
{
    dynamic(4 * MIB, 2 * MIB);
    b.header_at = 512;
    vhd_build_end(&b);
    for (unsigned i = 0; i < 2; i++) {
        put_be64((i ? bytes : bytes + b.used - 512) + 16, UINT64_MAX - 100);
        vhd_sum(i ? bytes : bytes + b.used - 512, 512, 64);
    }
    CHECK_EQ(open_image(), ERR_IMAGE);
}

TEST(vhd_dynamic_2040_gib)
{
    uint64_t disk_size = (uint64_t)2040 << 30;
    dynamic(disk_size, 2 * MIB);
    vhd_build_block(&b, b.bat_entries - 1);
    vhd_build_end(&b);
    CHECK_EQ(open_image(), ERR_OK);
    CHECK_EQ(image.sectors, 0xff000000);
    uint64_t lba = 0;
    unsigned runs = 0;
    while (lba < image.sectors) {
        CHECK_EQ(image.run(&image, lba, &run, &f), ERR_OK);
        lba += run.count;
        runs++;
    }
    CHECK_EQ(lba, image.sectors);
    CHECK_EQ(run.state, IMAGE_DATA);
    CHECK(runs < 80); /* absent blocks come in pieces of the BAT, not one by one */
    CHECK(p.reads < 150);
}

TEST(vhd_differencing_bits_decide)
{
    static const uint32_t sizes[] = {4 * KIB, 64 * KIB, 2 * MIB, 4 * MIB};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint32_t sectors = sizes[i] / 512;
        differencing((uint64_t)sizes[i] * 4, sizes[i]);
        uint32_t at = b.used / 512;
        uint8_t *bitmap = vhd_build_block(&b, 1);
        uint32_t data = at + vhd_bitmap_bytes(&b) / 512;
        bitmap[0] = 0x31; /* sectors 2, 3 and 7 */
        bitmap[sectors / 8 - 1] |= 0x01;
        vhd_build_end(&b);
        CHECK_EQ(open_image(), ERR_OK);
        CHECK_EQ(image.kind, IMAGE_DIFFERENCING);
        CHECK_EQ(image.parent_id[0][0], 9);
        check_run(0, IMAGE_ABSENT, sectors, 0);
        check_run(sectors, IMAGE_ABSENT, 2, 0);
        check_run(sectors + 1, IMAGE_ABSENT, 1, 0);
        check_run(sectors + 2, IMAGE_DATA, 2, data + 2);
        check_run(sectors + 4, IMAGE_ABSENT, 3, 0);
        if (sectors == 8) {
            check_run(sectors + 7, IMAGE_DATA, 1, data + 7);
            continue;
        }
        check_run(sectors + 7, IMAGE_DATA, 1, data + 7);
        check_run(sectors + 8, IMAGE_ABSENT, sectors - 9, 0);
        check_run(2 * sectors - 1, IMAGE_DATA, 1, data + sectors - 1);
    }
}

TEST(vhd_differencing_long_runs_of_bits)
{
    differencing(4 * MIB, 4 * MIB);
    uint8_t *bitmap = vhd_build_block(&b, 0);
    memset(bitmap + 1, 0xff, 500);
    bitmap[0] = 0x01;
    bitmap[501] = 0xe0;
    vhd_build_end(&b);
    CHECK_EQ(open_image(), ERR_OK);
    check_run(0, IMAGE_ABSENT, 7, 0);
    check_run(7, IMAGE_DATA, 1 + 4000 + 3, b.bat_at / 512 + 1 + 2 + 7);
    check_run(7 + 4004, IMAGE_ABSENT, 8192 - 4011, 0);
}

/* A locator with `length` bytes of data in slot `slot`. */
static void locator(unsigned slot, const char *code, const void *data, uint32_t length)
{
    uint8_t *l = vhd_header_at(&b) + 576 + 24 * slot;
    memcpy(l, code, 4);
    put_be32(l + 4, 1);
    put_be32(l + 8, length);
    put_be64(l + 16, b.used);
    memcpy(bytes + b.used, data, length);
    b.used += (length + 511) / 512 * 512;
}

static uint32_t utf16(uint8_t *to, const char *ascii, bool big)
{
    uint32_t n = 0;
    for (; *ascii; ascii++) {
        to[n++] = big ? 0 : (uint8_t)*ascii;
        to[n++] = big ? (uint8_t)*ascii : 0;
    }
    return n;
}

static void wide(unsigned slot, const char *code, const char *ascii)
{
    uint8_t units[256];
    locator(slot, code, units, utf16(units, ascii, false));
}

static void check_parent(unsigned index, const char *source, bool relative, const char *path)
{
    CHECK(index < image.parent_count);
    CHECK_STR(image.parent[index].source, source);
    CHECK_EQ(image.parent[index].relative, relative);
    CHECK_STR(image.parent[index].path, path);
}

TEST(vhd_parents_in_their_order)
{
    differencing(MIB, MIB);
    wide(0, "W2ku", "C:\\vhd\\base.vhd");
    locator(1, "MacX", "file://localhost/mac/b%C3%A4se.vhd", 35);
    locator(2, "Wi2k", "D:\\ansi\\b\xe4se.vhd", 16);
    locator(3, "Wi2r", ".\\ansi.vhd", 10);
    wide(4, "W2ru", "..\\base.vhd");
    locator(5, "Mac ", "junk", 4);
    utf16(vhd_header_at(&b) + 64, "name.vhd", true);
    vhd_build_end(&b);
    CHECK_EQ(open_image(), ERR_OK);
    check_parent(0, "W2ru", true, "..\\base.vhd");
    check_parent(1, "W2ku", false, "\\vhd\\base.vhd");
    check_parent(2, "MacX", false, "/mac/b\xc3\xa4se.vhd");
    check_parent(3, "Wi2r", true, ".\\ansi.vhd");
    check_parent(4, "Wi2k", false, "\\ansi\\b\xc3\xa4se.vhd");
    check_parent(5, "header name", true, "name.vhd");
    check_parent(6, "last part of its path", true, "base.vhd");
}

TEST(vhd_parents_odd_paths)
{
    static const struct {
        const char *path;
        bool relative;
        const char *becomes;
    } cases[] = {{".\\base.vhd", true, ".\\base.vhd"}, /* as Xen writes it */
                 {"\\\\?\\C:\\b.vhd", false, "\\b.vhd"},
                 {"\\\\?\\Volume{12}\\x\\b.vhd", false, "\\x\\b.vhd"},
                 {"\\b.vhd", false, "\\b.vhd"},
                 {"c:b.vhd", true, "b.vhd"}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        differencing(MIB, MIB);
        wide(0, "W2ku", cases[i].path);
        vhd_build_end(&b);
        CHECK_EQ(open_image(), ERR_OK);
        check_parent(0, "W2ku", cases[i].relative, cases[i].becomes);
    }
    differencing(MIB, MIB);
    wide(0, "W2ku", "\\\\server\\share\\b.vhd"); /* another machine */
    locator(1, "MacX", "file://./base.vhd", 17);
    vhd_build_end(&b);
    CHECK_EQ(open_image(), ERR_OK);
    check_parent(0, "MacX", true, "./base.vhd");
    check_parent(1, "last part of its path", true, "b.vhd");
    differencing(MIB, MIB);
    locator(0, "MacX", "file:///C:/x%20y/%b.vhd%", 24);
    utf16(vhd_header_at(&b) + 64, "C:\\long\\name.vhd", true);
    vhd_build_end(&b);
    CHECK_EQ(open_image(), ERR_OK);
    check_parent(0, "MacX", false, "/x y/%b.vhd%");
    check_parent(1, "header name", false, "\\long\\name.vhd");
    check_parent(2, "last part of header name", true, "name.vhd");
}

/* What lies on another machine, or behind a name that only Windows knows: only its last part, in
 * the child's folder. */
TEST(vhd_parents_on_other_machines)
{
    static const char *const paths[] = {"\\\\server\\share\\b.vhd",
                                        "//server/share/b.vhd",
                                        "\\\\?\\UNC\\server\\share\\b.vhd",
                                        "\\\\.\\PhysicalDrive0\\b.vhd",
                                        "\\\\?\\GLOBALROOT\\Device\\b.vhd",
                                        "\\\\server\\b.vhd",
                                        "\\\\b.vhd",
                                        "\\\\?\\Volum\\b.vhd",
                                        "OTHER:\\b.vhd"};
    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        differencing(MIB, MIB);
        wide(0, "W2ku", paths[i]);
        vhd_build_end(&b);
        CHECK_EQ(open_image(), ERR_OK);
        CHECK_EQ(image.parent_count, 1);
        check_parent(0, "last part of its path", true, "b.vhd");
    }
    static const char *const nowhere[] = {
        "\\",    "\\\\", "\\\\?", "\\\\?\\", "\\\\?\\C:", "C:", "\\\\server\\share\\",

        "OTHER:"};
    for (unsigned i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
        differencing(MIB, MIB);
        wide(0, "W2ru", nowhere[i]);
        locator(1, "MacX", "file:////server/", 16);
        locator(2, "Wi2k", nowhere[i], strlen(nowhere[i]));
        vhd_build_end(&b);
        CHECK_EQ(open_image(), ERR_OK);
        for (unsigned k = 0; k < image.parent_count; k++) /* "\\" or "?": no file's name */
            CHECK_EQ(strlen(image.parent[k].path), 1);
    }
}

TEST(vhd_locators_that_cannot_be_read)
{
    differencing(MIB, MIB);
    wide(0, "W2ru", "base.vhd");
    uint8_t *l = vhd_header_at(&b) + 576;
    for (unsigned slot = 1; slot < 8; slot++)
        memcpy(l + 24 * slot, l, 24);
    put_be64(l + 24 + 16, UINT64_MAX - 3); /* beyond the file */
    put_be32(l + 48 + 8, 0xffffffff);      /* too long */
    put_be32(l + 72 + 8, 0);               /* empty */
    put_be32(l + 96 + 8, 17);              /* odd, into what follows */
    vhd_build_end(&b);
    CHECK_EQ(open_image(), ERR_OK);
    check_parent(0, "W2ru", true, "base.vhd");

    differencing(MIB, MIB); /* names without an end */
    memset(vhd_header_at(&b) + 64, 'x', 512);
    vhd_build_end(&b);
    CHECK_EQ(open_image(), ERR_OK);
    CHECK_EQ(image.parent_count, 1);
    CHECK_EQ(strlen(image.parent[0].path), 768); /* 256 letters of three bytes */
}

TEST(vhd_dynamic_without_memory)
{
    differencing(4 * MIB, 2 * MIB);
    wide(0, "W2ru", "base.vhd");
    vhd_build_block(&b, 0);
    vhd_build_end(&b);
    for (uint32_t size = 0; size < 4096; size += 64) {
        piece_file_init(&p, "\\a.vhd", b.used, NULL, 0);
        piece_file_put(&p, 0, bytes, b.used);
        arena_init(&arena, memory, size);
        enum err err = vhd_open(&image, &p.file, &arena, &f);
        CHECK(err == ERR_OK || err == ERR_MEMORY);
    }
}

TEST(vhd_bitmap_that_hides_data)
{
    dynamic(4 * MIB, 2 * MIB);
    uint32_t block = b.used / 512;
    memset(vhd_build_block(&b, 1), 0xff, 512);
    vhd_build_end(&b);
    memset(bytes + (block + 1 + 77) * 512, 5, 512);
    CHECK_EQ(open_image(), ERR_OK);
    CHECK_EQ(vhd_bitmap_check(&image, &arena, &f), ERR_OK);
    CHECK_EQ(image.notes.count, 0);

    bytes[block * 512 + 77 / 8] &= (uint8_t) ~(0x80 >> 77 % 8);
    CHECK_EQ(open_image(), ERR_OK);
    size_t mark = arena_mark(&arena);
    CHECK_EQ(vhd_bitmap_check(&image, &arena, &f), ERR_OK);
    CHECK_EQ(arena_mark(&arena), mark);
    CHECK_EQ(image.notes.count, 1);
    CHECK_EQ(image.notes.note[0].value, 4096 + 77);
}
