/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mounting: $MFT and its pieces, state, $UpCase, limits. */
#include "unit/ntfs_image.h"
#include "core/ntfs/mft.h"
#include "core/ntfs/sectors.h"
#include "core/ntfs/upcase.h"

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
    CHECK_FAIL(im, im_mount(im), ERR_CORRUPT, "than its drive");
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
