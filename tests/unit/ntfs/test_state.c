/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the volume was left in order. */
#include "unit/ntfs_image.h"

TEST(state_of_the_volume)
{
    struct image *im = im_make(1024, 1024);
    uint8_t *r = im_begin(im, 3, 0);
    im_resident(r, NTFS_ATTR_VOLUME_INFORMATION, IM_NAME(""), "\0\0\0\0\0\0\0\0\1\2\1\0", 12);
    im_seal(im, r);
    CHECK_EQ(im_mount(im), ERR_OK);
    CHECK(im->vol.dirty && im->vol.version_major == 1 && im->vol.version_minor == 2);
    CHECK(im_noted(im, "marked dirty") && im_noted(im, "NTFS version"));
    CHECK(ntfs_run_limits(&im->vol).minus_one_is_hole);

    r = im_begin(im, 3, 0);
    im_seal(im, r);
    CHECK_EQ(im_mount(im), ERR_OK);
    CHECK(im->vol.dirty && im_noted(im, "$Volume cannot be read"));
}

/* A restart page, protected. */
static void restart(struct image *im, unsigned page, uint64_t lsn, unsigned client, unsigned flags)
{
    uint8_t *p = im->data + IM_LOG_BYTE + page * 4096;
    memset(p, 0, 4096);
    memcpy(p, page ? "CHKD" : "RSTR", 4);
    im_put(p + 4, 2, 30);
    im_put(p + 6, 2, 9);
    im_put(p + 16, 4, 4096);
    im_put(p + 20, 4, 4096);
    im_put(p + 24, 2, 0x30);
    im_put(p + 0x30, 8, lsn);
    im_put(p + 0x3c, 2, client);
    im_put(p + 0x3e, 2, flags);
    im_protect(p, 4096);
}

static bool unclean(struct image *im)
{
    CHECK_EQ(im_mount(im), ERR_OK);
    enum err err = ntfs_writable(&im->vol, &im->f);
    CHECK_EQ(err, im->vol.log_unclean ? ERR_CORRUPT : ERR_OK);
    return im->vol.log_unclean;
}

TEST(state_of_the_log)
{
    struct image *im = im_make(1024, 1024);
    restart(im, 0, 5, 0xffff, 0);
    restart(im, 1, 4, 0, 0);
    CHECK(!unclean(im));
    restart(im, 1, 6, 0, 0);
    CHECK(unclean(im));
    restart(im, 1, 6, 0, 2);
    CHECK(!unclean(im));
    restart(im, 0, 7, 0, 0);
    CHECK(unclean(im) && im_noted(im, "not unmounted cleanly"));

    uint8_t *first = im->data + IM_LOG_BYTE;
    first[510] ^= 1; /* torn: the second page counts */
    CHECK(!unclean(im));
    restart(im, 0, 7, 0, 0);
    im_put(first + 16, 4, 3000);
    CHECK(!unclean(im));
    restart(im, 0, 7, 0, 0);
    im_put(first + 24, 2, 600);
    CHECK(!unclean(im));
    im_put(first + 24, 2, 4);
    CHECK(!unclean(im));
    memset(first, 'x', 8192);
    CHECK(unclean(im) && im_noted(im, "$LogFile cannot be read"));

    uint8_t *r = im_begin(im, 2, 0);
    im_seal(im, r);
    CHECK(unclean(im));
    r = im_begin(im, 2, 0);
    im_resident(r, NTFS_ATTR_DATA, IM_NAME(""), "short", 5);
    im_seal(im, r);
    CHECK(unclean(im));
}

static bool asleep(struct image *im, const void *contents, unsigned size, bool resident)
{
    im_one_file(im, IM_NAME("Hiberfil.sys"));
    uint8_t *r = im_begin(im, 24, 0);
    if (resident) {
        im_resident(r, NTFS_ATTR_DATA, IM_NAME(""), contents, size);
    } else {
        im_run(im, r, NTFS_ATTR_DATA, IM_NAME(""), IM_FREE_BYTE, 8192);
        memcpy(im->data + IM_FREE_BYTE, contents, size);
    }
    im_seal(im, r);
    CHECK_EQ(im_mount(im), ERR_OK);
    CHECK_EQ(ntfs_writable(&im->vol, &im->f), im->vol.hibernated ? ERR_HIBERNATED : ERR_OK);
    return im->vol.hibernated;
}

TEST(state_of_hibernation)
{
    struct image *im = im_make(1024, 1024);
    CHECK(asleep(im, "hibr", 4, false));
    CHECK(im_noted(im, "hibernated"));
    CHECK(asleep(im, "HIBR", 4, false));
    CHECK(!asleep(im, "\0\0\0\0", 4, false));
    CHECK(!asleep(im, "wake", 4, false));
    CHECK(asleep(im, "", 0, true));
    uint8_t *r = im_begin(im, 24, NTFS_RECORD_DIRECTORY);
    im_seal(im, r);
    CHECK_EQ(im_mount(im), ERR_OK);
    CHECK(!im->vol.hibernated && !im->vol.notes.count);
    im_record(im, 24)[0] = 'X';
    CHECK_EQ(im_mount(im), ERR_OK);
    CHECK(im->vol.hibernated && im_noted(im, "hiberfil.sys cannot be read"));
    im_begin(im, 24, 0);
    im_seal(im, im_record(im, 24));
    CHECK_EQ(im_mount(im), ERR_OK);
    CHECK(im->vol.hibernated);
}
