/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ranges, byte orders, bitmaps. */
#include "unit/unit.h"
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"

TEST(ranges_do_not_wrap)
{
    CHECK(range_ok(0, 10, 10));
    CHECK(!range_ok(1, 10, 10));
    CHECK(!range_ok(UINT64_MAX, 2, 10));
    CHECK(!range_ok(5, UINT64_MAX, 10));
    static const uint8_t bytes[4];
    struct view v = {bytes, 4};
    CHECK(view_at(v, 2, 2) == bytes + 2);
    CHECK(view_at(v, 2, 3) == NULL);
    CHECK(view_at(v, UINT64_MAX, 1) == NULL);
}

TEST(endian_round_trips)
{
    CHECK_EQ(le64_get(le64_make(0x0123456789abcdef)), 0x0123456789abcdef);
    CHECK_EQ(le64_make(0x0123456789abcdef).b[0], 0xef);
    CHECK_EQ(be32_get(be32_make(0x01234567)), 0x01234567);
    CHECK_EQ(be32_make(0x01234567).b[0], 0x01);
    CHECK_EQ(be64_get((be64){{1, 2, 3, 4, 5, 6, 7, 8}}), 0x0102030405060708);
    CHECK_EQ(be16_get((be16){{1, 2}}), 0x0102);
}

TEST(bits_in_both_orders)
{
    static const uint8_t bits[] = {0x01, 0x80};
    CHECK(bit_get(bits, 0, BITS_LSB_FIRST) && !bit_get(bits, 7, BITS_LSB_FIRST));
    CHECK(!bit_get(bits, 8, BITS_LSB_FIRST) && bit_get(bits, 15, BITS_LSB_FIRST));
    CHECK(!bit_get(bits, 0, BITS_MSB_FIRST) && bit_get(bits, 7, BITS_MSB_FIRST));
    CHECK(bit_get(bits, 8, BITS_MSB_FIRST) && !bit_get(bits, 15, BITS_MSB_FIRST));
}

/* Every start and end, against counting one by one. */
static void check_alike(const uint8_t *bits, uint32_t size, enum bit_order order)
{
    for (uint32_t end = 1; end <= size * 8; end++) {
        for (uint32_t at = 0; at < end; at++) {
            uint32_t n = 1;
            while (at + n < end && bit_get(bits, at + n, order) == bit_get(bits, at, order))
                n++;
            CHECK_EQ(bits_alike(bits, at, end, order), n);
        }
    }
}

TEST(bits_that_are_alike)
{
    static const uint8_t bits[] = {0xff, 0xff, 0xfe, 0x00, 0x00, 0x01, 0x7f, 0xff};
    check_alike(bits, sizeof bits, BITS_LSB_FIRST);
    check_alike(bits, sizeof bits, BITS_MSB_FIRST);
    uint8_t *last = malloc(1); /* the sanitizer sees who looks behind it */
    *last = 0xff;
    CHECK_EQ(bits_alike(last, 0, 5, BITS_MSB_FIRST), 5);
    CHECK_EQ(bits_alike(last, 7, 8, BITS_LSB_FIRST), 1);
    free(last);
}

TEST(bytes_that_are_alike)
{
    static const uint8_t zeros[5], ones[] = {0xff, 0xff}, mixed[] = {0, 0, 1};
    CHECK(bytes_are(zeros, sizeof zeros, 0) && !bytes_are(zeros, sizeof zeros, 0xff));
    CHECK(bytes_are(ones, sizeof ones, 0xff) && bytes_are(ones, 0, 7));
    CHECK(!bytes_are(mixed, sizeof mixed, 0) && bytes_are(mixed, 2, 0));
    for (size_t size = 1; size <= 80; size++) { /* each place of an odd one, and nothing behind */
        uint8_t *bytes = malloc(size);
        memset(bytes, 0xff, size);
        CHECK(bytes_are(bytes, size, 0xff));
        for (size_t i = 0; i < size; i++) {
            bytes[i] = 0;
            CHECK(!bytes_are(bytes, size, 0xff));
            bytes[i] = 0xff;
        }
        free(bytes);
    }
}
