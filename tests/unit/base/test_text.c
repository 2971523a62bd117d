/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers, cut lines, UTF-16, and words that are the same. */
#include "unit/unit.h"
#include "core/base/path.h"
#include "core/base/text.h"

static char line[256];

static const char *bytes_text(uint64_t bytes)
{
    struct text t;
    text_init(&t, line, sizeof line);
    text_bytes(&t, bytes);
    return line;
}

TEST(text_numbers)
{
    struct text t;
    text_init(&t, line, sizeof line);
    text_u64(&t, 0);
    text_char(&t, ' ');
    text_u64(&t, UINT64_MAX);
    text_char(&t, ' ');
    text_hex(&t, 0xdeadbeef00);
    CHECK_STR(line, "0 18446744073709551615 deadbeef00");
}

TEST(text_sizes_are_read_by_people)
{
    CHECK_STR(bytes_text(512), "512 bytes");
    CHECK_STR(bytes_text(65024), "63.5 KiB");
    CHECK_STR(bytes_text((uint64_t)20 << 30), "20 GiB");
    CHECK_STR(bytes_text(UINT64_MAX), "15.9 EiB");
}

TEST(text_is_cut_not_overrun)
{
    char small[5] = {1, 1, 1, 1, 1};
    struct text t;
    text_init(&t, small, 4);
    text_str(&t, "abcdef");
    CHECK_STR(small, "abc");
    CHECK_EQ(small[4], 1);
}

TEST(text_is_cut_between_characters)
{
    static const char name[] = "a\u00e9\u20ac\U0001f600z"; /* of 1, 2, 3, 4 and 1 bytes */
    static const unsigned whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
    char buf[16];
    struct text t;
    for (unsigned size = 1; size <= 12; size++) {
        text_init(&t, buf, size);
        text_str(&t, name);
        CHECK_EQ(t.len, whole[size - 1]);
        CHECK_EQ(strlen(buf), t.len);
        CHECK(!memcmp(buf, name, t.len));
    }
    text_init(&t, buf, 4);
    text_str(&t, "\x80\x80\x80\x80\x80"); /* no UTF-8 at all */
    CHECK(t.len <= 3);
}

TEST(text_utf16_surrogates)
{
    static const uint8_t units[] = {'a', 0, 0xe4, 0, 0x3d, 0xd8, 0x00, 0xde, 0x00, 0xd8, 'b', 0};
    struct text t;
    text_init(&t, line, sizeof line);
    text_utf16le(&t, units, sizeof units / 2);
    CHECK_STR(line, "a\xc3\xa4\xf0\x9f\x98\x80\xef\xbf\xbd"
                    "b");
}

TEST(text_whatever_the_case)
{
    CHECK(text_same_caseless("Title", 5, "tITLE"));
    CHECK(text_same_caseless("titles", 5, "TITLE"));
    CHECK(text_same_caseless("", 0, ""));
    CHECK(!text_same_caseless("title", 4, "title"));
    CHECK(!text_same_caseless("title", 5, "titl"));
    CHECK(!text_same_caseless("a\0b", 3, "a"));
    CHECK(!text_same_caseless("[", 1, "{")); /* 20h apart, as letters are */
    CHECK(!text_same_caseless("\xc4", 1, "\xe4"));
}

TEST(text_hexadecimal_digits)
{
    for (unsigned i = 0; i < 16; i++) {
        CHECK_EQ(text_hex_digit((uint8_t) "0123456789abcdef"[i]), i);
        CHECK_EQ(text_hex_digit((uint8_t) "0123456789ABCDEF"[i]), i);
    }
    static const uint32_t none[] = {'/', ':', '@', 'G', '`', 'g', 0x10, 0, 0x161, UINT32_MAX};
    for (unsigned i = 0; i < sizeof none / sizeof none[0]; i++)
        CHECK_EQ(text_hex_digit(none[i]), -1);
}

TEST(path_last_parts)
{
    CHECK_STR(path_last_part("C:\\vhd/base.vhd"), "base.vhd");
    CHECK_STR(path_last_part("base.vhd"), "base.vhd");
    CHECK_STR(path_last_part("/vhd\\"), "");
    CHECK_STR(path_last_part(""), "");
}
