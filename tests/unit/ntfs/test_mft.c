/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The MFT: its mirror, its pieces, and the records that they hold. */
#include "unit/ntfs_image.h"
#include "core/ntfs/mft.h"

TEST(mft_mirror)
{
    struct image *im = im_make(1024, 1024);
    im_record(im, 0)[510] ^= 1;
    CHECK_EQ(im_mount(im), ERR_OK);
    CHECK(im_noted(im, "$MFTMirr"));
    im->data[IM_MIRROR_BYTE + 510] ^= 1;
    CHECK_FAIL(im, im_mount(im), ERR_CORRUPT, "torn");

    im = im_make(1024, 1024);
    im_put(im->data + 48, 8, 1 << 20); /* $MFT's LCN */
    CHECK_EQ(im_mount(im), ERR_OK);
    im_put(im->data + 56, 8, 1 << 20);
    CHECK_FAIL(im, im_mount(im), ERR_CORRUPT, "beyond the volume");

    im = im_make(1024, 1024);
    im_record(im, 3)[0] = 'X';
    CHECK_EQ(im_mount(im), ERR_OK);
    CHECK(im_noted(im, "$MFTMirr"));
    CHECK_EQ(im->vol.version_major, 3);
    im_record(im, 5)[0] = 'X'; /* has no copy */
    CHECK_EQ(im_mount(im), ERR_OK);
    CHECK(im_noted(im, "hiberfil.sys cannot be read"));
}

/* A new record 0 with this data attribute, copied to the mirror. */
static void set_mft(struct image *im, const void *pairs, unsigned size, uint64_t clusters,
                    unsigned flags)
{
    uint8_t *r = im_begin(im, 0, 0);
    uint8_t *a = im_nonresident(r, NTFS_ATTR_DATA, IM_NAME(""), pairs, size, 0, clusters,
                                clusters * im->cluster, im->cluster);
    im_put(a + 12, 2, flags);
    im_seal(im, r);
    memcpy(im->data + IM_MIRROR_BYTE, r, 1024);
}

TEST(mft_damaged)
{
    struct image *im = im_make(1024, 1024);
    set_mft(im, "\x11\x40\x40", 4, 64, 0);
    CHECK_EQ(im_mount(im), ERR_OK);
    set_mft(im, "\x11\x40\x40", 4, 64, NTFS_FLAG_COMPRESSED);
    CHECK_FAIL(im, im_mount(im), ERR_CORRUPT, "compressed or encrypted");
    set_mft(im, "\x11\x40\x40", 4, 65, 0);
    CHECK_FAIL(im, im_mount(im), ERR_CORRUPT, "not where its header says");

    uint8_t *r = im_begin(im, 0, 0);
    im_resident(r, NTFS_ATTR_DATA, IM_NAME(""), "x", 1);
    im_seal(im, r);
    memcpy(im->data + IM_MIRROR_BYTE, r, 1024);
    CHECK_FAIL(im, im_mount(im), ERR_CORRUPT, "where $MFT lies");
    r = im_begin(im, 0, 0);
    im_put(r + 22, 2, 0);
    im_seal(im, r);
    memcpy(im->data + IM_MIRROR_BYTE, r, 1024);
    CHECK_FAIL(im, im_mount(im), ERR_CORRUPT, "not in use");
}

struct entry {
    unsigned type;
    uint64_t vcn, reference;
    unsigned instance;
};

static unsigned make_list(uint8_t *list, const struct entry *e, unsigned count)
{
    memset(list, 0, (size_t)32 * count);
    for (unsigned i = 0; i < count; i++) {
        im_put(list + 32 * i, 4, e[i].type);
        im_put(list + 32 * i + 4, 2, 32);
        im_put(list + 32 * i + 8, 8, e[i].vcn);
        im_put(list + 32 * i + 16, 8, e[i].reference);
        im_put(list + 32 * i + 24, 2, e[i].instance);
    }
    return 32 * count;
}

/* $MFT in two pieces: records 0..15, the rest described by record `where`. */
static enum err mount_split(struct image *im, uint64_t reference, uint64_t base, unsigned vcn)
{
    const struct entry e[] = {{NTFS_ATTR_DATA, 0, im_ref(0), 0},
                              {NTFS_ATTR_DATA, vcn, reference, 0x48}};
    uint8_t list[64];
    unsigned size = make_list(list, e, 2);
    uint8_t *r = im_begin(im, 0, 0);
    im_resident(r, NTFS_ATTR_LIST, IM_NAME(""), list, size);
    uint8_t *a = im_nonresident(r, NTFS_ATTR_DATA, IM_NAME(""), "\x11\x10\x40", 4, 0, 16, 65536,
                                im->cluster);
    im_put(a + 40, 8, 65536);
    im_seal(im, r);
    memcpy(im->data + IM_MIRROR_BYTE, r, 1024);
    r = im_begin(im, 15, 0);
    im_put(r + 32, 8, base);
    im_nonresident(r, NTFS_ATTR_DATA, IM_NAME(""), "\x11\x30\x50", 4, 16, 48, 0, im->cluster);
    im_seal(im, r);
    return im_mount(im);
}

TEST(mft_attribute_list)
{
    struct image *im = im_make(1024, 1024);
    CHECK_EQ(mount_split(im, im_ref(15), im_ref(0), 16), ERR_OK);
    CHECK_EQ(im->vol.mft->data.runs.clusters, 64);
    CHECK_FAIL(im, mount_split(im, im_ref(20), im_ref(0), 16), ERR_CORRUPT, "before it can");
    CHECK_FAIL(im, mount_split(im, im_ref(14), im_ref(0), 16), ERR_CORRUPT, "FILE signature");
    CHECK_FAIL(im, mount_split(im, im_ref(15) + ((uint64_t)1 << 48), im_ref(0), 16), ERR_CORRUPT,
               "reused");
    CHECK_FAIL(im, mount_split(im, im_ref(15), im_ref(1), 16), ERR_CORRUPT, "no extension");
    CHECK_FAIL(im, mount_split(im, im_ref(15), 0, 16), ERR_CORRUPT, "no extension");
    CHECK_FAIL(im, mount_split(im, im_ref(15), im_ref(0), 17), ERR_CORRUPT, "not in its record");
    CHECK_FAIL(im, mount_split(im, (uint64_t)1 << 40, im_ref(0), 17), ERR_CORRUPT,
               "beyond the end of $MFT");
}
