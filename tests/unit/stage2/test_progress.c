/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bar of what is read into memory: its figures, its width, when it is written, Esc. */
#include "unit/unit.h"

static uint32_t clock_ticks;
static unsigned key, columns = 80, written;
static char last[100];

#include "progress.c"

unsigned console_columns(unsigned *mode)
{
    *mode = 3;
    return columns;
}

uint32_t console_ticks(void)
{
    return clock_ticks;
}

unsigned console_key(void)
{
    return key;
}

void console_flush_keys(void)
{
}

void console_rewind(void)
{
    written++;
}

void console_text(const char *s)
{
    snprintf(last, sizeof last, "%s", s);
}

void console_line(const char *a, const char *b)
{
    (void)a, (void)b;
}

static const char *line_of(unsigned width, uint64_t done_mib, uint64_t total_mib, uint32_t time)
{
    static char line[LINE_SIZE];
    progress_line(line, sizeof line, width, done_mib << MIB_SHIFT, total_mib << MIB_SHIFT, time);
    return line;
}

TEST(progress_is_as_wide_as_the_screen)
{
    CHECK_STR(line_of(39, 0, 64, 0), "[.........] 0 of 64 MiB                ");
    CHECK_STR(line_of(39, 32, 64, 182), "[####.....] 32 of 64 MiB, 3.2 MiB/s    ");
    CHECK_EQ(strlen(line_of(79, 32, 64, 182)), 79);
    CHECK_EQ(strlen(line_of(39, 4095, 4096, 100)), 39);
}

TEST(progress_figures)
{
    CHECK(strstr(line_of(79, 4095, 4096, 1820), "] 4095 of 4096 MiB, 40 MiB/s"));
    CHECK(strstr(line_of(79, 1, 4096, 18200), ", 0.0 MiB/s"));
    CHECK(strstr(line_of(79, 4096, 4096, 1), "#] 4096 of 4096 MiB, 74547 Mi"));
    CHECK(!strchr(line_of(79, 4096, 4096, 1), '.'));
    CHECK_EQ(line_of(79, 4095, 4096, 182)[1], '#');
    CHECK(strchr(line_of(79, 4095, 4096, 182), '.'));
}

TEST(progress_is_written_now_and_then)
{
    progress_begin("\\a.vhd");
    written = 0;
    CHECK(progress_show(127, 4096));
    CHECK_EQ(written, 0);
    clock_ticks += SHOW_TICKS;
    CHECK(progress_show(254, 4096));
    CHECK(progress_show(381, 4096));
    CHECK_EQ(written, 1);
    CHECK(progress_show(4096, 4096));
    CHECK_EQ(written, 2);
}

TEST(progress_stops_by_esc_alone)
{
    progress_begin("\\a.vhd");
    key = KEY_ENTER;
    CHECK(progress_show(127, 4096));
    key = KEY_ESCAPE;
    CHECK(!progress_show(127, 4096));
    key = KEY_NONE;
}
