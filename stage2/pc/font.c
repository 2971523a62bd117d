/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A letter takes the place of a character of 80h to FFh that is not on the screen, first of those
 * that texts need least. */
#include "pc/font.h"
#include <stddef.h>
#include "core/base/mem.h"
#include "pc/bda.h"
#include "pc/bios.h"
#include "pc/font_format.h"
#include "pc/glyphs.h"

/* The VGA's BIOS is in front of this segment, and what hooks it is not. */
#define VIDEO_ROM_START 0xc000u
#define VIDEO_ROM_END   0xc800u

#define GLYPH_FIRST     0x80u
#define ACCENTS_END     0xa6u /* up to here the VGA has its own letters with accents */

extern const uint8_t font_data[][FONT_ROWS];

static uint32_t meaning[256 - GLYPH_FIRST]; /* 0: code page 437's, and free */
static bool available, on_screen, loaded;

/* Without the corners and sides of boxes, and signs as those for a degree or a micrometre. */
static const struct {
    uint8_t first, last;
} places[] = {{0xe0, 0xe5}, {0xe7, 0xf0}, {0xf2, 0xf7}, {0xb0, 0xb2}, {0xb4, 0xbe},
              {0xc1, 0xc3}, {0xc5, 0xd8}, {0xdb, 0xdf}, {0x9b, 0x9f}, {0xa6, 0xaf}};

static bool vga_is_there(void)
{
    uint32_t segment = *(const volatile uint32_t *)bios_data(4 * 0x10) >> 16;
    struct bios_regs r = {.eax = 0x1a00}; /* INT 10h AX=1A00h: AL = 1Ah on a VGA */
    if (segment < VIDEO_ROM_START || segment >= VIDEO_ROM_END)
        return false;
    bios_call(0x10, &r);
    return (r.eax & 0xff) == 0x1a &&
           *(const volatile uint8_t *)bios_data(BDA_FONT_ROWS) == FONT_ROWS;
}

void font_begin(bool visible)
{
    memset(meaning, 0, sizeof meaning);
    on_screen = visible;
    available = !visible || vga_is_there();
    loaded = false;
}

static const uint8_t *picture_of(uint32_t code_point)
{
    static const uint16_t range[][2] = FONT_RANGES;
    unsigned at = 0;
    for (unsigned i = 0; i < sizeof range / sizeof range[0]; i++) {
        if (code_point >= range[i][0] && code_point <= range[i][1]) {
            const uint8_t *picture = font_data[at + code_point - range[i][0]];
            for (unsigned row = 0; row < FONT_ROWS; row++) {
                if (picture[row])
                    return picture;
            }
        }
        at += range[i][1] - range[i][0] + 1u;
    }
    return NULL;
}

static void load(uint8_t glyph, const uint8_t *picture)
{
    static uint8_t rows[FONT_ROWS];
    uint32_t at = (uint32_t)(uintptr_t)rows;
    struct bios_regs r = {.eax = 0x1100, /* INT 10h AX=1100h: CX characters from DX on */
                          .ebx = FONT_ROWS << 8,
                          .ecx = 1,
                          .edx = glyph,
                          .ebp = at & 15,
                          .es = (uint16_t)(at >> 4)};
    memcpy(rows, picture, sizeof rows);
    bios_call(0x10, &r);
    loaded = true;
}

uint8_t font_glyph(uint32_t code_point)
{
    uint8_t own[GLYPHS_MAX];
    const uint8_t *picture = available && code_point >= GLYPH_FIRST ? picture_of(code_point) : NULL;
    if (!picture)
        return 0;
    if (glyphs_of(code_point, own) == 1 && own[0] >= GLYPH_FIRST && own[0] < ACCENTS_END)
        return 0;
    for (unsigned i = 0; i < sizeof meaning / sizeof meaning[0]; i++) {
        if (meaning[i] == code_point)
            return (uint8_t)(GLYPH_FIRST + i);
    }
    for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
        for (unsigned glyph = places[i].first; glyph <= places[i].last; glyph++) {
            if (meaning[glyph - GLYPH_FIRST])
                continue;
            meaning[glyph - GLYPH_FIRST] = code_point;
            if (on_screen)
                load((uint8_t)glyph, picture);
            return (uint8_t)glyph;
        }
    }
    return 0;
}

bool font_keep(uint8_t glyph)
{
    if (glyph < GLYPH_FIRST)
        return true;
    uint32_t *means = &meaning[glyph - GLYPH_FIRST];
    if (!*means)
        *means = glyph_code_point(glyph);
    return *means == glyph_code_point(glyph);
}

uint32_t font_code_point(uint8_t glyph)
{
    uint32_t means = glyph < GLYPH_FIRST ? 0 : meaning[glyph - GLYPH_FIRST];
    return means ? means : glyph_code_point(glyph);
}

void font_end(void)
{
    struct bios_regs r = {.eax = 0x1104}; /* INT 10h AX=1104h: the ROM's 8x16 characters */
    if (loaded)
        bios_call(0x10, &r);
    loaded = false;
}
