/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LZNT1: what it packs, and packed bytes that lie about their lengths. */
#include <string.h>
#include "unit/unit.h"
#include "core/ntfs/lznt1.h"

static uint8_t out[8192];
static struct fail f;

static enum err unpack(const void *packed, size_t size, size_t out_size)
{
    memset(out, 0xee, sizeof out);
    return ntfs_lznt1_unpack((struct view){packed, size}, out, out_size, &f);
}

TEST(lznt1_empty)
{
    CHECK_EQ(unpack("\0\0", 2, 8192), ERR_OK);
    CHECK(!out[0] && !out[8191]);
    CHECK_EQ(unpack("", 0, 100), ERR_OK);
    CHECK(!out[99] && out[100] == 0xee);
}

TEST(lznt1_raw_chunk)
{
    uint8_t packed[4098 + 5] = {0xff, 0x3f};
    memset(packed + 2, 'r', 4096);
    memcpy(packed + 4098, "\x01\x30yz", 4); /* a second one, raw, of 2 bytes */
    CHECK_EQ(unpack(packed, sizeof packed, 8192), ERR_OK);
    CHECK(out[0] == 'r' && out[4095] == 'r' && out[4096] == 'y' && out[4097] == 'z' && !out[4098]);
    CHECK_EQ(unpack(packed, 4000, 8192), ERR_CORRUPT);
}

TEST(lznt1_literals_and_copies)
{
    /* "abc", then copy 3 back 9 long, then "d" */
    static const uint8_t packed[] = {0x06, 0xb0, 0x08, 'a', 'b', 'c', 0x06, 0x20, 'd', 0, 0};
    CHECK_EQ(unpack(packed, sizeof packed, 4096), ERR_OK);
    CHECK(!memcmp(out, "abcabcabcabcd", 14));
}

TEST(lznt1_distance_grows_with_the_chunk)
{
    /* 17 literals, then back 17, 3 long: at position 17 the distance has 5 bits */
    uint8_t packed[32] = {0, 0};
    unsigned n = 2;
    for (unsigned i = 0; i < 17; i++) {
        if (i % 8 == 0)
            packed[n++] = i == 16 ? 0x02 : 0;
        packed[n++] = (uint8_t)('a' + i);
    }
    packed[n++] = 0;
    packed[n++] = 16 << 3;
    packed[0] = (uint8_t)(n - 3);
    packed[1] = 0xb0;
    CHECK_EQ(unpack(packed, n, 4096), ERR_OK);
    CHECK(!memcmp(out, "abcdefghijklmnopqabc", 21));
}

TEST(lznt1_damaged)
{
    CHECK_EQ(unpack("\x02\x80\0ab", 5, 4096), ERR_CORRUPT);         /* signature 0 */
    CHECK_EQ(unpack("\xff\xb0\0ab", 5, 4096), ERR_CORRUPT);         /* longer than the data */
    CHECK_EQ(unpack("\x02\xb0\x01\0\0", 5, 4096), ERR_CORRUPT);     /* copies before its start */
    CHECK_EQ(unpack("\x03\xb0\x02z\0\x30", 6, 4096), ERR_CORRUPT);  /* too far back */
    CHECK_EQ(unpack("\x02\xb0\x02z\0", 5, 4096), ERR_CORRUPT);      /* half a token */
    CHECK_EQ(unpack("\x03\xb0\x02z\xff\x0f", 6, 100), ERR_CORRUPT); /* beyond the chunk */
    CHECK_EQ(unpack("\x02\xb0\0ab", 5, 1), ERR_CORRUPT);            /* literals beyond the chunk */
    CHECK_EQ(unpack("\x03\xb0\x02z\xff\x0f", 6, 4099), ERR_CORRUPT);
    CHECK_EQ(unpack("\x03\xb0\x02z\xfc\x0f", 6, 4096), ERR_OK); /* fills it exactly */
    CHECK(out[4095] == 'z');
}
