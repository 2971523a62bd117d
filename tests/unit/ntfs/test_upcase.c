/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The volume's $UpCase, and the order of names that follows from it. */
#include "unit/ntfs_image.h"
#include "core/ntfs/sectors.h"
#include "core/ntfs/upcase.h"

TEST(upcase_of_the_volume)
{
    struct image *im = im_make(1024, 1024);
    im_put(im->data + IM_UPCASE_BYTE + 2 * 'q', 2, 'q');
    CHECK_EQ(im_mount(im), ERR_OK);
    CHECK(im_noted(im, "unusually"));

    im = im_make(1024, 1024);
    im->bad_lba = IM_UPCASE_BYTE / 512;
    CHECK_EQ(im_mount(im), ERR_OK);
    CHECK(im_noted(im, "$UpCase cannot be read"));

    im = im_make(1024, 1024);
    uint8_t *r = im_begin(im, 10, 0);
    im_resident(r, NTFS_ATTR_DATA, IM_NAME(""), "short", 5);
    im_seal(im, r);
    CHECK_EQ(im_mount(im), ERR_OK);
    CHECK(im_noted(im, "$UpCase cannot be read"));
    int order;
    struct ntfs_name a = {(const uint8_t *)u"a\xe4", 2}, b = {(const uint8_t *)u"A\xe4", 2};
    CHECK_EQ(ntfs_name_compare_caseless(&im->vol, a, b, &order, &im->f), ERR_OK);
    CHECK_EQ(order, 0);
}

static int compare(struct image *im, const char16_t *a, unsigned na, const char16_t *b, unsigned nb)
{
    int caseless, order;
    struct ntfs_name x = {(const uint8_t *)a, (uint8_t)na}, y = {(const uint8_t *)b, (uint8_t)nb};
    CHECK_EQ(ntfs_name_compare_caseless(&im->vol, x, y, &caseless, &im->f), ERR_OK);
    CHECK_EQ(ntfs_name_compare(&im->vol, x, y, &order, &im->f), ERR_OK);
    CHECK(!caseless || (caseless < 0) == (order < 0));
    return order;
}

TEST(upcase_order)
{
    struct image *im = im_make(1024, 1024);
    CHECK_EQ(im_mount(im), ERR_OK);
    CHECK(compare(im, IM_NAME("abc"), IM_NAME("ABD")) < 0);
    CHECK(compare(im, IM_NAME("abc"), IM_NAME("ABC")) > 0); /* alike but for case: by unit then */
    CHECK(compare(im, IM_NAME("abc"), IM_NAME("abc")) == 0);
    CHECK(compare(im, IM_NAME("abc"), IM_NAME("ab")) > 0);
    CHECK(compare(im, IM_NAME("a_"), IM_NAME("aB")) > 0); /* compared as upper case, not lower */
    CHECK(compare(im, IM_NAME("\xe4"), IM_NAME("\xc4z")) < 0);
    CHECK(compare(im, IM_NAME("\xdf"), IM_NAME("ss")) > 0);
    CHECK(compare(im, IM_NAME("\xd83d\xde00"), IM_NAME("\xd83d\xde01")) < 0);
    for (unsigned page = 0; page < 40; page++) { /* more pages than slots */
        char16_t a = (char16_t)(page << 8 | 1), b = (char16_t)(page << 8 | 2);
        CHECK(compare(im, &a, 1, &b, 1) < 0);
    }
    im->bad_lba = IM_UPCASE_BYTE / 512 + 0xf0;
    im->vol.sectors->cache.line_no[0] = UINT64_MAX;
    int order;
    struct ntfs_name x = {(const uint8_t *)u"\xf001", 1}, y = {(const uint8_t *)u"\xf002", 1};
    CHECK_EQ(ntfs_name_compare_caseless(&im->vol, x, y, &order, &im->f), ERR_READ);
    CHECK_EQ(ntfs_name_compare(&im->vol, x, y, &order, &im->f), ERR_READ);
}
