/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MFT records and attribute lists as bytes. */
#include "unit/ntfs_image.h"
#include "core/ntfs/list.h"
#include "core/ntfs/record.h"

static struct image im = {.record_size = 1024};
static struct fail f;

/* A record with a resident stream "s", resident data, and a piece of an index. */
static uint8_t *make(void)
{
    free(im.data);
    im.data = calloc(1, IM_BYTES);
    uint8_t *r = im_begin(&im, 7, 0);
    im_resident(r, NTFS_ATTR_DATA, IM_NAME("s"), "stream", 6);
    im_resident(r, NTFS_ATTR_DATA, IM_NAME(""), "data", 4);
    im_nonresident(r, NTFS_ATTR_INDEX_ALLOCATION, IM_NAME("$I30"), "\x11\x01\x20", 4, 5, 1, 0,
                   4096);
    return r;
}

static enum err check(uint8_t *r)
{
    im_seal(&im, r);
    return ntfs_record_check(r, 1024, 7, &f);
}

/* The sealed record with `value` at `off` of the record; negative `off`: of its attribute -off. */
static enum err with(int off, unsigned size, uint64_t value)
{
    uint8_t *r = make();
    uint32_t used = (uint32_t)im_get(r + 24, 4);
    im_put(r + used, 4, NTFS_ATTR_END);
    im_put(r + 24, 4, used + 8);
    im_put(r + off, size, value);
    im_protect(r, 1024);
    return ntfs_record_check(r, 1024, 7, &f);
}

TEST(record_good)
{
    CHECK_EQ(check(make()), ERR_OK);
    CHECK_EQ(with(44, 4, 8), ERR_CORRUPT); /* says that it is record 8 */
}

TEST(record_header)
{
    CHECK_EQ(with(0, 4, NTFS_MAGIC_BAAD), ERR_CORRUPT);
    CHECK(strstr(f.sentence, "marked bad"));
    CHECK_EQ(with(0, 4, NTFS_MAGIC_INDX), ERR_CORRUPT);
    CHECK_EQ(with(20, 2, 0x4a), ERR_CORRUPT);
    CHECK_EQ(with(20, 2, 0x30), ERR_CORRUPT);
    CHECK_EQ(with(20, 2, 1024), ERR_CORRUPT);
    CHECK_EQ(with(24, 4, 1025), ERR_CORRUPT);
    CHECK_EQ(with(24, 4, 0), ERR_CORRUPT);
    CHECK_EQ(with(24, 4, 0x4a), ERR_CORRUPT);
    CHECK(strstr(f.sentence, "no end"));
}

TEST(record_of_ntfs_3_0)
{
    uint8_t *r = make();
    im_put(r + 4, 2, 0x2a);
    im_put(r + 44, 4, 0);
    CHECK_EQ(check(r), ERR_OK);
}

TEST(record_update_sequence)
{
    static const struct {
        unsigned off;
        uint16_t value;
    } bad[] = {{4, 0x31}, {4, 0x28}, {4, 506}, {4, 0xfffe}, {6, 2}, {6, 4}, {6, 0xffff}};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t *r = make();
        im_seal(&im, r);
        im_put(r + bad[i].off, 2, bad[i].value);
        CHECK_EQ(ntfs_record_check(r, 1024, 7, &f), ERR_CORRUPT);
        CHECK(strstr(f.sentence, "misplaced"));
    }
    for (unsigned off = 510; off < 1024; off += 512) {
        uint8_t *r = make();
        im_seal(&im, r);
        r[off] ^= 1;
        uint8_t before[1024];
        memcpy(before, r, 1024);
        CHECK_EQ(ntfs_record_check(r, 1024, 7, &f), ERR_CORRUPT);
        CHECK(strstr(f.sentence, "torn"));
        CHECK(!memcmp(before, r, 1024));
    }
}

TEST(record_attributes)
{
    const int a = 0x48, b = 0x48 + 40, c = b + 32; /* stream, data, index piece */
    CHECK_EQ(with(a + 4, 4, 0), ERR_CORRUPT);
    CHECK_EQ(with(a + 4, 4, 41), ERR_CORRUPT);
    CHECK_EQ(with(a + 4, 4, 16), ERR_CORRUPT);
    CHECK_EQ(with(a + 4, 4, 1000), ERR_CORRUPT);
    CHECK_EQ(with(a + 8, 1, 2), ERR_CORRUPT);
    CHECK_EQ(with(a + 9, 1, 9), ERR_CORRUPT);
    CHECK_EQ(with(a + 10, 2, 39), ERR_CORRUPT);
    CHECK_EQ(with(a + 16, 4, 9), ERR_CORRUPT);
    CHECK_EQ(with(a + 16, 4, 8), ERR_OK);
    CHECK_EQ(with(a + 20, 2, 16), ERR_CORRUPT);
    CHECK_EQ(with(b + 8, 1, 1), ERR_CORRUPT); /* non-resident in 32 bytes */
    CHECK_EQ(with(c + 32, 2, 63), ERR_CORRUPT);
    CHECK_EQ(with(c + 32, 2, 88), ERR_CORRUPT);
    CHECK_EQ(with(c + 32, 2, 64), ERR_OK);
    CHECK_EQ(with(c + 88, 4, 0), ERR_CORRUPT); /* end marker gone: 8 bytes are no attribute */
}

TEST(record_packed_attributes_need_a_longer_header)
{
    uint8_t *r = make();
    uint8_t *a = im_nonresident(r, NTFS_ATTR_DATA, IM_NAME("t"), "\x01\x05", 3, 0, 5, 0, 4096);
    im_put(a + 12, 2, NTFS_FLAG_SPARSE);
    im_put(a + 32, 2, 64);
    CHECK_EQ(check(r), ERR_CORRUPT);
    CHECK_EQ(with(0x48 + 72 + 12, 2, NTFS_FLAG_COMPRESSED), ERR_OK); /* not in later pieces */
}

TEST(record_find)
{
    uint8_t *r = make();
    CHECK_EQ(check(r), ERR_OK);
    struct ntfs_attr_key key = {.type = NTFS_ATTR_DATA};
    CHECK_EQ((const uint8_t *)ntfs_record_find(r, &key) - r, 0x48 + 40);
    key = (struct ntfs_attr_key){
        .type = NTFS_ATTR_DATA, .name = (const uint8_t *)u"s", .name_length = 1};
    CHECK_EQ((const uint8_t *)ntfs_record_find(r, &key) - r, 0x48);
    key.name = (const uint8_t *)u"S";
    CHECK(!ntfs_record_find(r, &key));

    key = (struct ntfs_attr_key){
        .type = NTFS_ATTR_INDEX_ALLOCATION, .name = ntfs_name_i30, .name_length = 4};
    CHECK(!ntfs_record_find(r, &key)); /* no first piece here */
    key.from_list = true;
    key.lowest_vcn = 5;
    key.instance = 0x48 + 72;
    CHECK_EQ((const uint8_t *)ntfs_record_find(r, &key) - r, 0x48 + 72);
    key.instance++;
    CHECK(!ntfs_record_find(r, &key));
}

static struct ntfs_attr_key list_key;

/* Entries of $DATA (VCN 3, instance 2) and of stream "ab"; one field changed. */
static enum err walk(unsigned off, unsigned size, uint64_t value, bool *found)
{
    static uint8_t list[72];
    memset(list, 0, sizeof list);
    im_put(list, 4, NTFS_ATTR_DATA);
    im_put(list + 4, 2, 32);
    im_put(list + 8, 8, 3);
    im_put(list + 24, 2, 2);
    im_put(list + 32, 4, NTFS_ATTR_DATA);
    im_put(list + 36, 2, 40);
    list[38] = 2;
    list[39] = 26;
    memcpy(list + 32 + 26, u"ab", 4);
    if (size)
        im_put(list + off, size, value);
    struct ntfs_list_walk w = {.list = list, .size = off == 99 ? (uint32_t)value : sizeof list};
    return ntfs_list_next(&w, &list_key, found, &f);
}

TEST(list_entries)
{
    bool found;
    list_key = (struct ntfs_attr_key){.type = NTFS_ATTR_DATA};
    CHECK_EQ(walk(0, 0, 0, &found), ERR_OK);
    CHECK(found && list_key.from_list && list_key.lowest_vcn == 3 && list_key.instance == 2);
    list_key = (struct ntfs_attr_key){
        .type = NTFS_ATTR_DATA, .name = (const uint8_t *)u"ab", .name_length = 2};
    CHECK_EQ(walk(0, 0, 0, &found), ERR_OK);
    CHECK(found && list_key.lowest_vcn == 0);
    list_key.name = (const uint8_t *)u"aB";
    CHECK_EQ(walk(0, 0, 0, &found), ERR_OK);
    CHECK(!found);

    CHECK_EQ(walk(4, 2, 0, &found), ERR_CORRUPT);
    CHECK_EQ(walk(4, 2, 30, &found), ERR_CORRUPT);
    CHECK_EQ(walk(4, 2, 24, &found), ERR_CORRUPT);
    CHECK_EQ(walk(4, 2, 80, &found), ERR_CORRUPT);
    CHECK_EQ(walk(38, 1, 8, &found), ERR_CORRUPT);
    CHECK_EQ(walk(39, 1, 25, &found), ERR_CORRUPT);
    CHECK_EQ(walk(39, 1, 37, &found), ERR_CORRUPT);
    CHECK_EQ(walk(99, 0, 40, &found), ERR_CORRUPT); /* 8 bytes left: no entry */
}
