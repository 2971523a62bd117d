/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a volume to a block map: which entries there are, what is opened for one, and what may be
 * written, by the volume's state, the image's and the entry's word. Long because all of it is about
 * the same few volumes. */
#define image volume_image /* the builder's struct has core's name for something else */
#include "unit/ntfs_image.h"
#undef image
#include "core/entry/open.h"
#include "core/map/scrub.h"
#include "core/base/note.h"
#include "unit/vhd_builder.h"

#define CLUSTER  1024u
#define DISK     65536u /* bytes of each disk */
#define FILE_ROW 24u

static struct volume_image *im;
static struct config config;
static struct boot_disk disk;
static bool from_file;
static uint8_t root[4096];
static unsigned root_size, files;
static uint32_t next_byte;

static void volume_start(void)
{
    im = im_make(CLUSTER, 1024);
    root_size = files = 0;
    next_byte = IM_FREE_BYTE;
}

/* Adds a file of the root directory, one run; names come in index order. Returns its contents. */
static uint8_t *add_file(const char *name, uint32_t size)
{
    char16_t units[64];
    unsigned n = 0;
    for (; name[n]; n++)
        units[n] = (uint8_t)name[n];
    unsigned record = FILE_ROW + files++;
    root_size += im_entry(root + root_size, units, n, im_ref(record), 1, -1);
    uint8_t *r = im_begin(im, record, 0);
    im_run(im, r, NTFS_ATTR_DATA, IM_NAME(""), next_byte, size);
    im_seal(im, r);
    uint8_t *data = im->data + next_byte;
    next_byte += (size + CLUSTER - 1) / CLUSTER * CLUSTER;
    CHECK(next_byte <= IM_BYTES);
    return data;
}

static uint8_t *add_fixed(const char *name)
{
    uint8_t *data = add_file(name, DISK + 512);
    vhd_footer_make(data + DISK, 2, DISK, 1);
    return data;
}

static void add_config(const char *text)
{
    memcpy(add_file("vhdboot.cfg", (uint32_t)strlen(text)), text, strlen(text));
}

static void mount(void)
{
    root_size += im_last(root + root_size, -1);
    /* Too much for an index root: one block, which the root points to. */
    uint8_t entries[64];
    uint8_t *r = im_begin(im, 5, NTFS_RECORD_DIRECTORY);
    im_root(r, entries, im_last(entries, 0), 4096, true);
    im_run(im, r, NTFS_ATTR_INDEX_ALLOCATION, IM_NAME("$I30"), 524288, 4096);
    im_resident(r, NTFS_ATTR_BITMAP, IM_NAME("$I30"), "\1\0\0\0\0\0\0\0", 8);
    im_seal(im, r);
    im_block(im->data + 524288, 4096, 0, root, root_size);
    CHECK_EQ(im_mount(im), ERR_OK);
}

static enum err entries(void)
{
    return boot_entries(&config, &from_file, &im->vol, &im->arena, &im->f);
}

static enum err open_entry(enum write_mode write, bool force)
{
    struct config_entry entry = {
        .name = "a", .title = "A", .vhd = "a.vhd", .write = write, .force = force};
    static struct volumes volumes;
    volumes = (struct volumes){.count = 1, .volume[0].ntfs = &im->vol};
    return boot_open(&disk, &entry, &volumes, 64u << 20, &im->arena, &im->f);
}

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

/* A dynamic disk of four blocks of 16 KiB, `present` of them there, with room for `slots` more. */
static void dynamic_volume_of(unsigned present, unsigned slots)
{
    static const uint32_t order[] = {2, 0, 3, 1};
    static uint8_t bytes[256 * 1024];
    struct vhd_build b;
    vhd_build_start(&b, bytes, sizeof bytes, 3, DISK, 16384, 1);
    for (unsigned i = 0; i < present; i++)
        vhd_build_block(&b, order[i]);
    b.used += slots * 33 * 512;
    vhd_build_end(&b);
    volume_start();
    memcpy(add_file("a.vhd", b.used), bytes, b.used);
    mount();
}

static void dynamic_volume(unsigned slots)
{
    dynamic_volume_of(1, slots);
}

TEST(boot_dynamic_disk_grows)
{
    dynamic_volume(2);
    CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
    CHECK(!disk.write_protected && disk.map.writable);
    CHECK_EQ(disk.notes.count, 0);
    CHECK_EQ(disk.map.growth, MAP_GROWS_DYNAMIC);
    CHECK_EQ(disk.map.page_shift, 5);
    CHECK_EQ(disk.map.file_page, 4);
    CHECK_EQ(map_records(&disk.map), 2);
    CHECK_EQ(disk.map.bitmap_sectors, 1);
    CHECK_EQ(disk.map.bat_sector, 3);
    CHECK_EQ(map_find(&disk.map, 0).kind, MAP_ZERO);
    struct map_run run = map_find(&disk.map, 64);
    CHECK_EQ(run.kind, MAP_DIRECT);
    CHECK(run.writable);
    CHECK(!(disk.map.cell[2] & MAP_WRITABLE)); /* its bitmap has not been looked at */
    /* footer, header and BAT are four sectors, then block 2's bitmap and data, then the slots */
    uint64_t own = disk.map.cell[disk.map.record_first + MAP_RECORD_OWN];
    CHECK_EQ(map_cell_kind(own), MAP_FILE);
    CHECK_EQ(map_cell_lba(own), 4 + 33 + 1);
    map_memory_place(&disk.map, 0x4000000);
    CHECK_EQ(disk.map.cell[disk.map.record_first + MAP_RECORD_OWN], own);
    CHECK_EQ(map_cell_lba(disk.map.cell[disk.map.record_first + 2 + MAP_RECORD_OWN]),
             4 + 33 + 33 + 1);
    /* all of the file may be written one day */
    CHECK_EQ(map_drive_end(&disk.map, 0), run.drive_lba + 32 + 2 * 33 + 1);
    CHECK_EQ(map_drive_end(&disk.map, 1), 0);
    /* the file's pages lead to where block 2 lies */
    CHECK_EQ(map_cell_lba(disk.map.cell[disk.map.file_page]) + 4 + 1, run.drive_lba);
}

static unsigned slots_left;

static bool more_slots(void)
{
    return slots_left && slots_left--;
}

static enum err im_write(struct blk *b, uint64_t lba, uint32_t count, const void *buf,
                         struct fail *f)
{
    (void)b;
    if (lba <= im->bad_lba && im->bad_lba - lba < count)
        return fail(f, ERR_WRITE, "sector %u cannot be written", lba);
    memcpy(im->data + lba * 512, buf, (size_t)count * 512);
    return ERR_OK;
}

/* Free records whose slots are to be looked at: none is behind one that is not. */
static uint32_t dirty_records(bool from_first)
{
    uint32_t dirty = 0, clean = 0, end = disk.map.record_end;
    for (uint32_t at = disk.map.record_first; at < end; at += disk.map.record_cells) {
        bool is_dirty = disk.map.cell[at + MAP_RECORD_OWN] & MAP_OWN_DIRTY;
        CHECK(!is_dirty || !from_first || !clean);
        dirty += is_dirty;
        clean += !is_dirty;
    }
    return dirty;
}

/* Slots that hold poison are emptied, so many as there is time for, and nothing else is touched. */
TEST(boot_dynamic_disk_gets_its_slack_emptied)
{
    static uint8_t buffer[MAP_SCRUB_SECTORS * 512], before[65536];
    struct blk *drive[1];
    for (unsigned time = 0; time < 4; time++) {
        dynamic_volume(2);
        drive[0] = &im->blk;
        im->blk.write = im_write;
        CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
        uint8_t *file = im->data + map_find_file(&disk.map, 0).drive_lba * 512;
        uint32_t size = (4 + 3 * 33 + 1) * 512, slot[] = {4 + 33, 4 + 33 + 33};
        CHECK_EQ(file[(slot[0] + 1) * 512], VHD_POISON);
        memcpy(before, file, size);
        slots_left = time;
        map_scrub(&disk.map, drive, more_slots, buffer);
        unsigned done = time < 2 ? time : 2;
        CHECK_EQ(dirty_records(false), 2 - done);
        for (unsigned i = 0; i < done; i++)
            memset(before + (slot[i] + 1) * 512, 0, 32 * 512);
        CHECK(!memcmp(before, file, size));
    }

    dynamic_volume(2); /* what cannot be read, or written, is left to the handler */
    drive[0] = &im->blk;
    CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
    for (unsigned writes = 0; writes < 2; writes++) {
        im->blk.write = writes ? im_write : NULL;
        im->bad_lba = writes ? map_find_file(&disk.map, 4 + 33 + 33 + 5).drive_lba : UINT64_MAX;
        slots_left = 9;
        map_scrub(&disk.map, drive, more_slots, buffer);
        CHECK_EQ(dirty_records(false), 2 - writes);
    }
}

/* With a note only the first slot, and what lies below its range, is looked at; in front of a
 * range that is empty, of a differencing disk nothing. */
static void look_with_a_note(enum map_growth growth)
{
    static uint8_t buffer[MAP_SCRUB_SECTORS * 512];
    struct blk *drive[1];
    for (uint32_t noted = 0; noted < 5; noted++) { /* zeros are said to begin so many slots on */
        static uint8_t bytes[256 * 1024];
        struct vhd_build b;
        uint8_t id[16];
        memset(id, 1, sizeof id);
        vhd_build_start(&b, bytes, sizeof bytes, 3, DISK, 16384, 1);
        vhd_build_block(&b, 2);
        uint32_t first = b.used;
        b.used += 3 * 33 * 512;
        slack_note_make((struct slack_note *)(bytes + b.used), id,
                        noted < 4 ? first + noted * 33 * 512 : b.used, b.used);
        b.used += 512;
        vhd_build_end(&b);
        volume_start();
        memcpy(add_file("a.vhd", b.used), bytes, b.used);
        mount();
        drive[0] = &im->blk;
        im->blk.write = im_write;
        im->bad_lba = UINT64_MAX;
        CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
        CHECK_EQ(map_records(&disk.map), 3);
        uint32_t dirty = noted < 1 ? 1 : noted > 3 ? 3 : noted;
        CHECK_EQ(dirty_records(true), dirty);
        slots_left = 9;
        uint32_t looked = growth == MAP_GROWS_DIFFERENCING && dirty == 3 ? 0 : dirty;
        disk.map.growth = growth; /* the records are the same */
        map_scrub(&disk.map, drive, more_slots, buffer);
        CHECK_EQ(slots_left, 9 - looked);
        CHECK_EQ(dirty_records(true), dirty - looked);
        for (uint32_t slot = 0; slot < 3; slot++) {
            uint64_t lba = map_find_file(&disk.map, first / 512 + slot * 33 + 1).drive_lba;
            CHECK_EQ(im->data[lba * 512], slot < looked ? 0 : VHD_POISON);
        }
    }
}

TEST(boot_dynamic_disk_with_a_note)
{
    look_with_a_note(MAP_GROWS_DYNAMIC);
}

TEST(boot_differencing_disk_with_a_note)
{
    look_with_a_note(MAP_GROWS_DIFFERENCING);
}

TEST(boot_dynamic_disk_without_slack_says_so)
{
    dynamic_volume(0);
    CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
    CHECK(!disk.write_protected);
    CHECK(has_note(&disk.notes, "no room is left inside the VHD file"));
    CHECK_EQ(map_records(&disk.map), 0);
    CHECK_EQ(open_entry(WRITE_NONE, false), ERR_OK);
    CHECK(disk.write_protected && !map_find(&disk.map, 64).writable);
    CHECK_EQ(disk.notes.count, 0);
    CHECK_EQ(open_entry(WRITE_DISCARD, false), ERR_OK);
    CHECK(!map_find(&disk.map, 64).writable &&
          map_records(&disk.map) == (disk.map.sectors + 127) / 128);
}

/* Free records beyond what can be used would only be work. */
TEST(boot_dynamic_disk_has_a_record_for_each_absent_block_at_most)
{
    for (unsigned present = 1; present <= 4; present++) {
        for (unsigned slots = 1; slots <= 5; slots++) {
            unsigned absent = 4 - present;
            dynamic_volume_of(present, slots);
            CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
            CHECK_EQ(map_records(&disk.map), slots < absent ? slots : absent);
            CHECK_EQ(disk.map.absent, absent);
            CHECK(disk.map.writable && !disk.write_protected);
            CHECK_EQ(disk.notes.count, 0);
        }
    }
}

/* A differencing disk of four blocks over a fixed one: block 1 is there in part, and, if `two`,
 * block 3 as a whole; with room for `slots` more. Returns where the parent lies. */
static uint32_t child_volume(bool two, unsigned slots)
{
    static uint8_t bytes[256 * 1024];
    struct vhd_build b;
    volume_start();
    vhd_build_start(&b, bytes, sizeof bytes, 4, DISK, 16384, 2);
    memset(vhd_header_at(&b) + 40, 1, 16);
    put_be16(vhd_header_at(&b) + 64, 'B'); /* the parent's name, in other letters */
    memcpy(vhd_header_at(&b) + 66, "\0.\0V\0h\0d", 8);
    memset(vhd_build_block(&b, 1), 0xf0, 1);
    if (two)
        memset(vhd_build_block(&b, 3), 0xff, 4);
    b.used += slots * 33 * 512;
    vhd_build_end(&b);
    memcpy(add_file("a.vhd", b.used), bytes, b.used);
    uint32_t base = next_byte / 512;
    add_fixed("b.vhd");
    mount();
    return base;
}

TEST(boot_differencing_disk_has_a_record_for_each_absent_block_at_most)
{
    for (unsigned two = 0; two < 2; two++) {
        for (unsigned slots = 1; slots <= 5; slots++) {
            unsigned absent = 3 - two;
            (void)child_volume(two, slots);
            CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
            CHECK_EQ(map_records(&disk.map), slots < absent ? slots : absent);
            CHECK_EQ(disk.map.absent, absent);
        }
    }
}

TEST(boot_chain_on_the_volume)
{
    uint32_t base = child_volume(false, 0);
    CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
    CHECK_EQ(disk.chain.count, 2);
    CHECK_STR(disk.chain.link[1]->file.path, "\\b.vhd");
    CHECK(!disk.write_protected);
    CHECK_EQ(map_find(&disk.map, 0).drive_lba, base);
    CHECK_EQ(map_find(&disk.map, 36).drive_lba, base + 36);
    CHECK(map_find(&disk.map, 35).drive_lba < base);
    /* block 1 of the child is there in part: a page of two homes over the parent's */
    CHECK_EQ(disk.map.growth, MAP_GROWS_DIFFERENCING);
    CHECK_EQ(map_cell_kind(disk.map.cell[1]), MAP_MIXED);
    CHECK(map_find(&disk.map, 35).writable && !map_find(&disk.map, 36).writable);
    CHECK_EQ(map_find(&disk.map, 32).count, 4);
    CHECK_EQ(map_find(&disk.map, 36).count, 28);
    const uint64_t *record = disk.map.cell + map_cell_lba(disk.map.cell[1]);
    CHECK_EQ(map_cell_kind(record[MAP_RECORD_BASE]), MAP_DIRECT);
    CHECK_EQ(map_cell_lba(record[MAP_RECORD_BASE]), base + 32);
    CHECK_EQ(map_cell_lba(record[MAP_RECORD_OWN]), 5);
    CHECK_EQ(record[MAP_RECORD_BITMAP], 0xf0);
    CHECK_EQ(disk.map.record_cells, 2 + 64);
    char line[80];
    chain_describe(&disk.chain, 0, line, sizeof line);
    CHECK_STR(line, "differencing VHD, 64 KiB, 1 fragment");
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
