/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small volume with a config and images, put together file by file and mounted, and what is
 * opened of it. */
#ifndef TESTS_UNIT_ENTRY_OPEN_WORLD_H
#define TESTS_UNIT_ENTRY_OPEN_WORLD_H

#define image volume_image /* the builder's struct has core's name for something else */
#include "unit/ntfs_image.h"
#undef image
#include "core/entry/open.h"
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

static UNUSED_OK void volume_start(void)
{
    im = im_make(CLUSTER, 1024);
    root_size = files = 0;
    next_byte = IM_FREE_BYTE;
}

/* Adds a file of the root directory, one run; names come in index order. Returns its contents. */
static UNUSED_OK uint8_t *add_file(const char *name, uint32_t size)
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

static UNUSED_OK uint8_t *add_fixed(const char *name)
{
    uint8_t *data = add_file(name, DISK + 512);
    vhd_footer_make(data + DISK, 2, DISK, 1);
    return data;
}

static UNUSED_OK void add_config(const char *text)
{
    memcpy(add_file("vhdboot.cfg", (uint32_t)strlen(text)), text, strlen(text));
}

static UNUSED_OK void mount(void)
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

static UNUSED_OK enum err entries(void)
{
    return boot_entries(&config, &from_file, &im->vol, &im->arena, &im->f);
}

static UNUSED_OK enum err open_entry(enum write_mode write, bool force)
{
    struct config_entry entry = {
        .name = "a", .title = "A", .vhd = "a.vhd", .write = write, .force = force};
    static struct volumes volumes;
    volumes = (struct volumes){.count = 1, .volume[0].ntfs = &im->vol};
    return boot_open(&disk, &entry, &volumes, 64u << 20, &im->arena, &im->f);
}

#endif
