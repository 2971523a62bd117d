/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By tables: what code page 437 has is shown as it is, of other letters the nearest of ASCII. */
#include "pc/glyphs.h"
#include <stddef.h>

/* 80h to FFh of code page 437. */
static const uint16_t upper_half[128] = {
    0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8, 0x00ef,
    0x00ee, 0x00ec, 0x00c4, 0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9,
    0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192, 0x00e1, 0x00ed, 0x00f3, 0x00fa,
    0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb,
    0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557,
    0x255d, 0x255c, 0x255b, 0x2510, 0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f,
    0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559,
    0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580,
    0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6, 0x0398, 0x03a9, 0x03b4,
    0x221e, 0x03c6, 0x03b5, 0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248,
    0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};

/* Three characters each, blanks behind. U+00C0 on, U+0391 on, U+0410 on. */
#define WIDTH 3
static const char latin[] =
    "A  A  A  A  A  A  AE C  E  E  E  E  I  I  I  I  D  N  O  O  O  O  O  x  O  U  U  U  U  Y  "
    "Th ss a  a  a  a  a  a  ae c  e  e  e  e  i  i  i  i  d  n  o  o  o  o  o  /  o  u  u  u  "
    "u  y  th y  A  a  A  a  A  a  C  c  C  c  C  c  C  c  D  d  D  d  E  e  E  e  E  e  E  e  "
    "E  e  G  g  G  g  G  g  G  g  H  h  H  h  I  i  I  i  I  i  I  i  I  i  IJ ij J  j  K  k  "
    "k  L  l  L  l  L  l  L  l  L  l  N  n  N  n  N  n  n  N  n  O  o  O  o  O  o  OE oe R  r  "
    "R  r  R  r  S  s  S  s  S  s  S  s  T  t  T  t  T  t  U  u  U  u  U  u  U  u  U  u  U  u  "
    "W  w  Y  y  Y  Z  z  Z  z  Z  z  s  ";
static const char greek[] =
    "A  B  G  D  E  Z  E  Th I  K  L  M  N  X  O  P  R  ?  S  T  Y  F  Ch Ps O  I  Y  a  e  e  "
    "i  y  a  b  g  d  e  z  e  th i  k  l  m  n  x  o  p  r  s  s  t  y  f  ch ps o  i  y  o  "
    "y  o  ";
static const char cyrillic[] =
    "A  B  V  G  D  E  Zh Z  I  J  K  L  M  N  O  P  R  S  T  U  F  Kh Ts Ch Sh Sch'  Y  '  E  "
    "Yu Ya a  b  v  g  d  e  zh z  i  j  k  l  m  n  o  p  r  s  t  u  f  kh ts ch sh sch'  y  "
    "'  e  yu ya ";

static const struct {
    uint16_t first, last;
    const char *letters;
} alphabets[] = {{0xc0, 0x17f, latin}, {0x391, 0x3ce, greek}, {0x410, 0x44f, cyrillic}};

/* What stands alone. */
static const struct {
    uint16_t code_point;
    char letters[WIDTH + 1];
} others[] = {
    {0xa9, "(c)"},   {0xae, "(R)"},    {0xad, "-  "},    {0xb4, "'  "},    {0xb9, "1  "},
    {0xb3, "3  "},   {0xa4, "o  "},    {0xa6, "|  "},    {0x2010, "-  "},  {0x2011, "-  "},
    {0x2012, "-  "}, {0x2013, "-  "},  {0x2014, "-  "},  {0x2018, "'  "},  {0x2019, "'  "},
    {0x201a, ",  "}, {0x201c, "\"  "}, {0x201d, "\"  "}, {0x201e, "\"  "}, {0x2022, "*  "},
    {0x2026, "..."}, {0x20ac, "EUR"},  {0x2122, "TM "},  {0x401, "Yo "},   {0x451, "yo "},
    {0x404, "Ye "},  {0x454, "ye "},   {0x406, "I  "},   {0x456, "i  "},   {0x407, "Yi "},
    {0x457, "yi "},  {0x490, "G  "},   {0x491, "g  "},   {0x40e, "U  "},   {0x45e, "u  "},
    {0x218, "S  "},  {0x219, "s  "},   {0x21a, "T  "},   {0x21b, "t  "},   {0x386, "A  "},
    {0x388, "E  "},  {0x389, "E  "},   {0x38a, "I  "},   {0x38c, "O  "},   {0x38e, "Y  "},
    {0x38f, "O  "},  {0x1e9e, "SS "},
};

static const char *nearest(uint32_t c)
{
    for (unsigned i = 0; i < sizeof alphabets / sizeof alphabets[0]; i++) {
        if (c >= alphabets[i].first && c <= alphabets[i].last)
            return alphabets[i].letters + (c - alphabets[i].first) * WIDTH;
    }
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (c == others[i].code_point)
            return others[i].letters;
    }
    return NULL;
}

unsigned glyphs_of(uint32_t c, uint8_t glyph[GLYPHS_MAX])
{
    glyph[0] = '?';
    if (c >= 0x20 && c < 0x7f)
        glyph[0] = (uint8_t)c;
    if (c < 0x7f)
        return 1;
    for (unsigned i = 0; i < 128; i++) {
        if (upper_half[i] == c) {
            glyph[0] = (uint8_t)(0x80 + i);
            return 1;
        }
    }
    const char *letters = nearest(c);
    unsigned count = 0;
    for (; letters && count < WIDTH && letters[count] != ' '; count++)
        glyph[count] = (uint8_t)letters[count];
    return count ? count : 1;
}

uint32_t glyph_code_point(uint8_t glyph)
{
    return glyph < 0x80 ? glyph : upper_half[glyph - 0x80];
}
