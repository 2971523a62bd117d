/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a volume to a block map: which entries there are, what is opened for one, and what may be
 * written, by the volume's state, the image's and the entry's word. */
#include "unit/entry/open_world.h"

TEST(boot_images_of_the_root_without_a_config)
{
    volume_start();
    add_fixed("A.VHD");
    add_file("a.vhd.txt", 100);
    add_file("b.vhdx", 100);
    add_file("vhd", 100);
    add_file("x.vhds", 100);
    mount();
    CHECK_EQ(entries(), ERR_OK);
    CHECK(!from_file);
    CHECK_EQ(config.timeout_seconds, CONFIG_TIMEOUT_UNSET);
    CHECK_EQ(config.count, 2);
    CHECK_STR(config.entry[0].vhd, "\\A.VHD");
    CHECK_STR(config.entry[0].title, "A.VHD");
    CHECK_EQ(config.entry[0].write, WRITE_PERSISTENT);
    CHECK_STR(config.entry[1].vhd, "\\b.vhdx");
}

TEST(boot_more_images_than_a_menu_holds)
{
    volume_start();
    char name[20];
    for (unsigned i = 0; i < 35; i++) {
        snprintf(name, sizeof name, "%02u.vhd", i);
        add_file(name, 512);
    }
    mount();
    CHECK_EQ(entries(), ERR_OK);
    CHECK_EQ(config.count, CONFIG_ENTRIES_MAX);
    CHECK_STR(config.entry[31].vhd, "\\31.vhd");
    CHECK(im_noted(im, "more images in the root directory"));
}

TEST(boot_nothing_there)
{
    volume_start();
    mount();
    CHECK_FAIL(im, entries(), ERR_NOT_FOUND, "neither \\vhdboot.cfg nor a *.vhd or *.vhdx");
    volume_start();
    add_config("timeout = 3\n");
    mount();
    CHECK_FAIL(im, entries(), ERR_NOT_FOUND, "the config names no image");
}

TEST(boot_record_of_the_disk)
{
    uint8_t boot[SECTOR_SIZE];
    volume_start();
    uint8_t *data = add_fixed("a.vhd");
    mount();
    CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
    struct blk *const drive[] = {&im->blk};
    CHECK_FAIL(im, boot_record_read(&disk.map, drive, boot, &im->f), ERR_NO_SYSTEM, "lacks 55AAh");
    memcpy(data + 510, "\x55\xaa", 2); /* as a protective partition table has it */
    CHECK_FAIL(im, boot_record_read(&disk.map, drive, boot, &im->f), ERR_NO_SYSTEM, "UEFI");
    data[439] = 1;
    CHECK_EQ(boot_record_read(&disk.map, drive, boot, &im->f), ERR_OK);
}

TEST(boot_config_decides)
{
    volume_start();
    add_fixed("a.vhd");
    add_config("timeout = 3\n[x]\nvhd = \\vhd\\b.vhd\nwrite = none\n");
    mount();
    CHECK_EQ(entries(), ERR_OK);
    CHECK(from_file);
    CHECK_EQ(config.count, 1);
    CHECK_STR(config.entry[0].vhd, "\\vhd\\b.vhd");
    CHECK_EQ(config.timeout_seconds, 3);
}

TEST(boot_config_without_an_image_leaves_the_root)
{
    volume_start();
    add_fixed("a.vhd");
    add_config("timeout = 3\n[x]\ntitle = no image\n");
    mount();
    CHECK_EQ(entries(), ERR_OK);
    CHECK_EQ(config.count, 1);
    CHECK_STR(config.entry[0].vhd, "\\a.vhd");
    CHECK_EQ(config.timeout_seconds, 3);
    CHECK_EQ(config.complaint_count, 1);
    CHECK_EQ(config.entry[0].write, WRITE_NONE);
    CHECK_EQ(im->vol.notes.count, 1);
}

TEST(boot_config_too_large)
{
    volume_start();
    add_file("vhdboot.cfg", CONFIG_SIZE_MAX + 1);
    mount();
    CHECK_FAIL(im, entries(), ERR_CONFIG, "more than a config may have");
}

TEST(boot_config_that_cannot_be_read)
{
    volume_start();
    add_fixed("a.vhd");
    add_config("[x]\nvhd = a.vhd\n");
    mount();
    im->bad_lba = (IM_FREE_BYTE + DISK + CLUSTER) / 512;
    CHECK_EQ(entries(), ERR_READ);
    CHECK_STR(im->f.subject, "\\vhdboot.cfg");
}

TEST(boot_fixed_disk)
{
    volume_start();
    uint8_t *data = add_fixed("a.vhd");
    data[512 * 9] = 0x5a;
    mount();
    CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
    CHECK(!disk.write_protected);
    struct map_run one;
    CHECK(map_one_run(&disk.map, &one) && disk.map.writable);
    CHECK_EQ(disk.map.sectors, DISK / 512);
    CHECK_EQ(disk.notes.count, 0);
    struct blk *drive[] = {&im->blk};
    uint8_t sector[512];
    CHECK_EQ(map_read(&disk.map, drive, 9, 1, sector, &im->f), ERR_OK);
    CHECK_EQ(sector[0], 0x5a);

    CHECK_EQ(open_entry(WRITE_NONE, true), ERR_OK);
    CHECK(disk.write_protected && !disk.map.writable);
    CHECK_EQ(disk.notes.count, 0);

    CHECK_EQ(open_entry(WRITE_DISCARD, false), ERR_OK); /* a quarter of memory in pages of 64 KiB */
    CHECK(!disk.write_protected && disk.map.writable && !map_find(&disk.map, 0).writable);
    CHECK_EQ(disk.map.growth, MAP_GROWS_IN_MEMORY);
    CHECK_EQ(map_memory_bytes(&disk.map), 1u << 16); /* it has only one of them */
    CHECK_EQ(disk.notes.count, 0);
}

/* What a machine lacks for changes is said, and stops nothing. */
TEST(boot_with_less_memory_than_changes_were_to_have)
{
    struct config_entry entry = {.name = "a",
                                 .title = "A",
                                 .vhd = "a.vhd",
                                 .write = WRITE_DISCARD,
                                 .discard_max = (uint64_t)1 << 30};
    struct volumes volumes = {.count = 1};
    volume_start();
    add_fixed("a.vhd");
    mount();
    volumes.volume[0].ntfs = &im->vol;
    CHECK_EQ(boot_open(&disk, &entry, &volumes, 64u << 20, &im->arena, &im->f), ERR_OK);
    CHECK_EQ(disk.notes.count, 0);
    CHECK_EQ(boot_open(&disk, &entry, &volumes, 60000, &im->arena, &im->f), ERR_OK);
    CHECK_EQ(disk.notes.count, 1);
    CHECK_STR(disk.notes.note[0].sentence,
              "this machine's memory has room for %u MiB of changes only");
    entry.ram = true; /* all of it is stored: nothing grows */
    CHECK_EQ(boot_open(&disk, &entry, &volumes, 60000, &im->arena, &im->f), ERR_OK);
    CHECK_EQ(disk.notes.count, 0);
}

TEST(boot_missing_image)
{
    volume_start();
    add_fixed("b.vhd");
    mount();
    CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_NOT_FOUND);
    CHECK_STR(im->f.subject, "a.vhd");
}

TEST(boot_saved_state_protects_unless_forced)
{
    volume_start();
    uint8_t *data = add_fixed("a.vhd");
    data[DISK + 84] = 1;
    vhd_sum(data + DISK, 512, 64);
    mount();
    CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
    CHECK(disk.write_protected && !disk.map.writable);
    CHECK(has_note(&disk.notes, "suspended"));
    CHECK(has_note(&disk.notes, "write-protected"));
    CHECK_EQ(open_entry(WRITE_PERSISTENT, true), ERR_OK);
    CHECK(!disk.write_protected && disk.map.writable);
    CHECK(has_note(&disk.notes, "as force says"));
}

TEST(boot_volume_state_protects_unless_forced)
{
    for (unsigned i = 0; i < 3; i++) {
        volume_start();
        add_fixed("a.vhd");
        mount();
        im->vol.hibernated = i == 0;
        if (i == 0) /* as the reader says it: then it is not said again */
            notes_add(&im->vol.notes, "Windows is hibernated on this volume", 0);
        im->vol.log_unclean = i == 1;
        im->vol.dirty = i == 2; /* only a warning, which the reader gives */
        CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
        CHECK_EQ(disk.write_protected, i != 2);
        CHECK_EQ(disk.notes.count, i != 2);
        CHECK_EQ(has_note(&disk.notes, "hibernated on this volume: the disk"), i == 0);
        CHECK_EQ(has_note(&disk.notes, "log is not clean: the disk"), i == 1);
        CHECK_EQ(open_entry(WRITE_PERSISTENT, true), ERR_OK);
        CHECK(!disk.write_protected);
    }
}

TEST(boot_sparse_image_is_write_protected)
{
    volume_start();
    uint8_t *data = add_fixed("a.vhd");
    memset(data + 40960, 0xee, 8192); /* what the hole's clusters would hold: never shown */
    uint32_t lcn = (uint32_t)(data - im->data) / CLUSTER;
    uint8_t pairs[] = {0x21, 40, 0, 0, 0x01, 8, 0x11, 17, 48, 0};
    im_put(pairs + 2, 2, lcn);
    uint8_t *r = im_begin(im, FILE_ROW, 0);
    im_nonresident(r, NTFS_ATTR_DATA, IM_NAME(""), pairs, sizeof pairs, 0, 65, DISK + 512, CLUSTER);
    im_seal(im, r);
    mount();
    for (unsigned force = 0; force < 2; force++) { /* there is nowhere to write to: force or not */
        CHECK_EQ(open_entry(WRITE_PERSISTENT, force), ERR_OK);
        CHECK(disk.write_protected && !disk.map.writable);
        CHECK(has_note(&disk.notes, "the file has a hole at byte"));
        CHECK(has_note(&disk.notes, "cp --sparse=never"));
    }
    CHECK_EQ(open_entry(WRITE_NONE, false), ERR_OK);
    CHECK_EQ(disk.notes.count, 0);
    CHECK_EQ(map_find(&disk.map, 79).count, 1);
    CHECK_EQ(map_find(&disk.map, 80).kind, MAP_ZERO);
    CHECK_EQ(map_find(&disk.map, 80).count, 16);
}

TEST(boot_image_with_a_short_initialised_size)
{
    volume_start();
    uint8_t *data = add_file("a.vhd", 2 * DISK);
    vhd_footer_make(data + 2 * DISK - 512, 2, DISK, 1);
    im_unprotect(im_record(im, FILE_ROW), 1024);
    im_put(im_record(im, FILE_ROW) + 0x48 + 56, 8, 2 * DISK - 4096);
    im_protect(im_record(im, FILE_ROW), 1024);
    mount(); /* the footer reads as zeros, as NTFS has it */
    CHECK_EQ(open_entry(WRITE_NONE, false), ERR_IMAGE);
}

TEST(boot_runs_out_of_memory_anywhere)
{
    volume_start();
    add_fixed("a.vhd");
    add_config("[a]\nvhd = a.vhd\n");
    mount();
    size_t mounted = arena_mark(&im->arena);
    unsigned failures = 0;
    for (size_t room = 0; room < 16384; room += 128) {
        arena_release(&im->arena, mounted);
        im->arena.size = mounted + room;
        enum err err = entries();
        if (!err)
            err = open_entry(WRITE_PERSISTENT, false);
        CHECK(err == ERR_OK || err == ERR_MEMORY);
        failures += err == ERR_MEMORY;
    }
    CHECK(failures > 10 && failures < 120);
}
