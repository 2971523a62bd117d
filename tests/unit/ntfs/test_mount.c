/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mounting, and how much may be read for it. */
#include "unit/ntfs_image.h"
#include "core/ntfs/mft.h"
#include "core/ntfs/sectors.h"

TEST(mount_good)
{
    static const uint16_t sizes[][2] = {
        {512, 1024}, {1024, 1024}, {4096, 1024}, {1024, 4096}, {4096, 512}};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct image *im = im_make(sizes[i][0], sizes[i][1]);
        CHECK_EQ(im_mount(im), ERR_OK);
        CHECK_EQ(im->vol.version_major, 3);
        CHECK_EQ(im->vol.record_size, sizes[i][1]);
        CHECK_EQ(im->vol.notes.count, 0);
        CHECK(!im->vol.dirty && !im->vol.log_unclean && !im->vol.hibernated);
        CHECK_EQ(ntfs_writable(&im->vol, &im->f), ERR_OK);
        CHECK(im->blk.reads < 25);
    }
}

TEST(mount_outside)
{
    struct image *im = im_make(1024, 1024);
    arena_init(&im->arena, im->memory, IM_MEMORY);
    CHECK_FAIL(im, ntfs_mount(&im->vol, &im->blk, 0, 100, &im->arena, &im->f), ERR_CORRUPT,
               "than its partition");
    CHECK_EQ(arena_mark(&im->arena), 0);
    im->blk.sectors = 100;
    CHECK_FAIL(im, im_mount(im), ERR_CUT_OFF,
               "the drive ends after %u sectors, the volume needs %U: the stick is smaller");
    arena_init(&im->arena, im->memory, IM_MEMORY); /* its partition was cut to the drive as well */
    CHECK_FAIL(im, ntfs_mount(&im->vol, &im->blk, 0, 100, &im->arena, &im->f), ERR_CUT_OFF,
               "is smaller than the one the copy came from");
    im = im_make(1024, 1024);
    memset(im->data, 0, 512);
    CHECK_FAIL(im, im_mount(im), ERR_NOT_NTFS, "no NTFS boot record");
    im = im_make(1024, 1024);
    im->bad_lba = 0;
    im->blk.sectors = 0;
    CHECK_FAIL(im, im_mount(im), ERR_READ, "beyond the end");
}

/* Mounts with ever more memory until it works: no step may go wrong in between. */
TEST(mount_memory)
{
    struct image *im = im_make(1024, 1024);
    for (size_t size = 0;; size += 1024) {
        CHECK(size < IM_MEMORY);
        arena_init(&im->arena, im->memory, size);
        enum err err = ntfs_mount(&im->vol, &im->blk, 0, UINT64_MAX, &im->arena, &im->f);
        if (!err && !im->vol.notes.count)
            break;
        CHECK(!err || err == ERR_MEMORY);
        CHECK(!err || arena_mark(&im->arena) == 0);
    }
}

TEST(reads_are_limited)
{
    struct image *im = im_make(1024, 1024);
    CHECK_EQ(im_mount(im), ERR_OK);
    uint8_t buf[1024];
    ntfs_limit_reads(&im->vol, 3);
    CHECK_EQ(ntfs_sectors_read(&im->vol, 0, 2, buf, &im->f), ERR_OK);
    CHECK_FAIL(im, ntfs_sectors_read(&im->vol, 0, 2, buf, &im->f), ERR_LIMIT, "gave up");
    CHECK_FAIL(im, ntfs_mft_read(&im->vol, 0, buf, &im->f), ERR_LIMIT, "gave up");
    ntfs_unlimit_reads(&im->vol);
    CHECK_EQ(ntfs_sectors_read(&im->vol, 0, 2, buf, &im->f), ERR_OK);
    CHECK_FAIL(im, ntfs_sectors_read(&im->vol, IM_BYTES / 512, 1, buf, &im->f), ERR_CORRUPT,
               "beyond the end of the volume");
}
