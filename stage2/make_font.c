/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Build tool: takes the letters of pc/font_format.h out of a font of GRUB's, 16 rows high, and
 * writes them to a file, as they go into a VGA. usage: make_font FONT OUTPUT
 *
 * The font is a chain of sections (name, length, bytes): ASCE is the base line's row, CHIX an index
 * of characters, DATA, the last one, their pictures; all numbers are big-endian.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "pc/font_format.h"

struct section {
    uint8_t name[4];
    be32 length;
};

struct character {
    be32 code_point;
    uint8_t flags;
    be32 at; /* in the file */
};
static_assert(sizeof(struct character) == 9, "character");

struct picture { /* rows from the top, bits without gaps follow */
    be16 width, height, left, up, advance;
};
static_assert(sizeof(struct picture) == 10, "picture");

static uint8_t font[8 << 20];
static size_t font_size;
static const struct character *characters;
static size_t character_count;
static int base_line;

static void die(const char *why)
{
    fprintf(stderr, "make_font: %s\n", why);
    exit(1);
}

static void find_sections(void)
{
    for (size_t at = 0; font_size - at > sizeof(struct section);) { /* ends: at grows */
        const struct section *s = (const struct section *)(font + at);
        size_t length = be32_get(s->length);
        at += sizeof *s;
        if (!memcmp(s->name, "DATA", 4))
            return;
        if (length > font_size - at)
            die("the font is cut off");
        if (!memcmp(s->name, "ASCE", 4))
            base_line = be16_get(*(const be16 *)(font + at));
        if (!memcmp(s->name, "CHIX", 4)) {
            characters = (const struct character *)(font + at);
            character_count = length / sizeof *characters;
        }
        at += length;
    }
    die("this is no font of GRUB's");
}

static const struct picture *find(uint32_t code_point)
{
    for (size_t i = 0; i < character_count; i++) {
        size_t at = be32_get(characters[i].at);
        if (be32_get(characters[i].code_point) == code_point)
            return at < font_size - sizeof(struct picture) ? (struct picture *)(font + at) : NULL;
    }
    return NULL;
}

/* Not what does not fit: code points that are nobody's have wide pictures. */
static void draw(const struct picture *p, uint8_t row[FONT_ROWS])
{
    int width = be16_get(p->width), height = be16_get(p->height);
    int left = (int16_t)be16_get(p->left), top = base_line - (int16_t)be16_get(p->up) - height;
    const uint8_t *bits = (const uint8_t *)(p + 1);
    if (left < 0 || top < 0 || left + width > 8 || top + height > FONT_ROWS ||
        bits + (width * height + 7) / 8 > font + font_size)
        return;
    for (int i = 0; i < width * height; i++) {
        if (bits[i / 8] >> (7 - i % 8) & 1)
            row[top + i / width] |= (uint8_t)(0x80 >> (left + i % width));
    }
}

/* As a VGA's own letters are: two dots thick, on a line two rows higher, where there is room. */
static void fit(uint8_t row[FONT_ROWS])
{
    for (unsigned up = 0; up < 2 && !row[0]; up++) {
        memmove(row, row + 1, FONT_ROWS - 1);
        row[FONT_ROWS - 1] = 0;
    }
    for (unsigned i = 0; i < FONT_ROWS; i++)
        row[i] |= row[i] >> 1;
}

int main(int argc, char **argv)
{
    static const uint16_t range[][2] = FONT_RANGES;
    if (argc != 3)
        die("usage: make_font FONT OUTPUT");
    FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
    if (!in)
        die("the font cannot be opened: make deps installs it");
    if (!out)
        die("the output cannot be made");
    font_size = fread(font, 1, sizeof font, in);
    find_sections();
    for (size_t i = 0; i < sizeof range / sizeof range[0]; i++) {
        for (uint32_t c = range[i][0]; c <= range[i][1]; c++) {
            uint8_t row[FONT_ROWS] = {0}; /* nothing: there is no such letter */
            const struct picture *p = find(c);
            if (p)
                draw(p, row);
            fit(row);
            fwrite(row, sizeof row, 1, out);
        }
    }
    fclose(in);
    return fclose(out) != 0;
}
