/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The eye on the clock: what is told of a slow step, and when a glance gives up. */
#include "core/base/blk.h"
#include "core/base/errors.h"
#include "unit/unit.h"
#include "unit/stage2/pc.h"
#include "watch.c"

static uint32_t ticks_a_read;
static uint8_t data[64 * 512];

void trap_check_stack(void)
{
}

static enum err slow_read(struct blk *b, uint64_t lba, uint32_t count, void *buf, struct fail *f)
{
    (void)b, (void)lba, (void)count, (void)buf, (void)f;
    set_ticks(bda_ticks() + ticks_a_read);
    return ERR_OK;
}

static struct blk drive = {.read = slow_read, .sectors = 1000}, watched;

static enum err take(uint32_t count)
{
    static struct fail f;
    return blk_read(&watched, 0, count, data, &f);
}

static void begin(uint32_t ticks)
{
    ticks_a_read = ticks;
    memset(printed, 0, sizeof printed);
    pressed = 0;
    (void)watch_glance_end();
    console_init();
    CHECK(watch_drive(&watched, &drive) == &watched);
    watch_begin("reading ", "this");
}

TEST(watch_tells_of_a_slow_step_once)
{
    begin(12);
    CHECK_EQ(take(1), ERR_OK);
    CHECK_STR(printed, "");
    CHECK_EQ(take(1), ERR_OK);
    CHECK_STR(printed, "reading this ...\r\n");
    CHECK_EQ(take(1), ERR_OK);
    CHECK_STR(printed, "reading this ...\r\n");
    CHECK_EQ(watch_ticks(), 36);
}

TEST(watch_tells_nothing_over_the_menu)
{
    begin(30);
    watch_glance(false);
    CHECK_EQ(take(1), ERR_OK);
    watch_begin("looking for volumes", ""); /* as it does for a parent on another one */
    CHECK_EQ(take(1), ERR_OK);
    CHECK_STR(printed, "");
    CHECK(!watch_glance_end());
}

TEST(watch_a_key_ends_a_glance)
{
    begin(0);
    watch_glance(false);
    CHECK_EQ(take(64), ERR_OK);
    CHECK(!watch_gives_up());
    pressed = 0x1e61;
    CHECK_EQ(take(1), ERR_LIMIT);
    CHECK(watch_glance_end());
    CHECK_EQ(take(1), ERR_OK);
}

TEST(watch_a_sparing_glance_has_a_budget)
{
    begin(0);
    watch_glance(true);
    CHECK_EQ(take(8), ERR_OK);
    CHECK_EQ(take(8), ERR_OK);
    CHECK_EQ(take(8), ERR_LIMIT);
    CHECK_EQ(take(2), ERR_LIMIT); /* who goes on in spite of it is not let on */
    CHECK(watch_glance_end());
    watch_glance(true);
    CHECK_EQ(take(20), ERR_OK);
    CHECK(!watch_glance_end());
    watch_glance(true);
    CHECK(watch_gives_up());
    CHECK_EQ(take(1), ERR_LIMIT);
    CHECK(watch_glance_end());
    CHECK(!watch_gives_up()); /* a start looks everywhere */
    CHECK_EQ(take(64), ERR_OK);
}
