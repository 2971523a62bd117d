/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every read on the way to a block map comes by here. What a BIOS takes to answer for a drive that
 * is broken cannot be cut short: a sparing glance does without other drives. */
#include "watch.h"
#include "core/base/blk.h"
#include "core/base/errors.h"
#include "pc/console.h"
#include "pc/trap.h"

/* Sectors that the menu's first screen may read beyond what it takes to know the entries. */
#define SPARING_BUDGET 20u

static struct {
    const char *doing;
    const char *subject;
    uint32_t start;
    bool told;
} step;

static struct glance {
    bool on, sparing;
    uint32_t budget; /* sectors that may be read yet, if sparing */
    bool gave_up;
} glance;

void watch_begin(const char *doing, const char *subject)
{
    trap_check_stack();
    step.doing = doing;
    step.subject = subject;
    step.start = console_ticks();
    step.told = false;
}

uint32_t watch_ticks(void)
{
    return console_ticks() - step.start;
}

static enum err watched_read(struct blk *b, uint64_t lba, uint32_t count, void *buf, struct fail *f)
{
    if (glance.on) {
        glance.gave_up |= (glance.sparing && count > glance.budget) || console_key_waits();
        if (glance.gave_up)
            return fail(f, ERR_LIMIT, "more would have to be read than the menu waits for", 0);
        glance.budget -= glance.sparing ? count : 0;
    }
    enum err err = blk_read(b->ctx, lba, count, buf, f);
    if (!step.told && !glance.on && watch_ticks() > TICKS_PER_SECOND) {
        step.told = true;
        console_print(step.doing);
        console_line(step.subject, " ...");
    }
    return err;
}

struct blk *watch_drive(struct blk *watched, struct blk *drive)
{
    *watched = (struct blk){.read = watched_read, .ctx = drive, .sectors = drive->sectors};
    return watched;
}

void watch_glance(bool sparing)
{
    glance = (struct glance){.on = true, .sparing = sparing, .budget = SPARING_BUDGET};
}

bool watch_glance_end(void)
{
    bool gave_up = glance.gave_up;
    glance = (struct glance){0};
    return gave_up;
}

bool watch_gives_up(void)
{
    glance.gave_up |= glance.sparing;
    return glance.gave_up;
}
