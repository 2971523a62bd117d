/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Failures and notes as sentences. */
#include "unit/unit.h"
#include "core/base/errors.h"

static char line[256];

TEST(failure_names_thing_and_fact)
{
    struct fail f;
    CHECK_EQ(fail(&f, ERR_IMAGE, "BAT entry %u lies at %%x", 7), ERR_IMAGE);
    CHECK_EQ(fail_subject(&f, "\\a.vhd"), ERR_IMAGE);
    CHECK_EQ(fail_subject(&f, "outer"), ERR_IMAGE);
    errors_format(&f, line, sizeof line);
    CHECK_STR(line, "\\a.vhd: BAT entry 7 lies at %x");
    for (int e = ERR_READ; e <= ERR_FOREIGN; e++)
        CHECK(*errors_advice((enum err)e));
}

TEST(notes_are_said_once)
{
    struct notes n = {0};
    notes_add(&n, "volume is dirty", 0);
    notes_add(&n, "volume is dirty", 0);
    notes_add(&n, "record %u was torn", 3);
    CHECK_EQ(n.count, 2);
    notes_format(&n, 1, line, sizeof line);
    CHECK_STR(line, "record 3 was torn");
}

/* What the volume says of itself, and then what that means for the disk, is one warning. */
TEST(notes_that_go_on_replace)
{
    struct notes n = {0};
    notes_add(&n, "volume %u sleeps", 1);
    notes_add(&n, "volume is dirty", 0);
    notes_add(&n, "volume %u sleeps: nothing is written", 2);
    notes_add(&n, "volume is dirty and old", 0);
    CHECK_EQ(n.count, 3);
    notes_format(&n, 0, line, sizeof line);
    CHECK_STR(line, "volume 2 sleeps: nothing is written");
}

TEST(notes_of_several_things)
{
    struct notes n = {0}, from = {0};
    notes_add(&from, "%u pages are torn", 7);
    notes_add_all(&n, &from, NULL);
    notes_add_all(&n, &from, NULL);
    from.note[0].value = 8;
    notes_add_all(&n, &from, "\\base.vhdx");
    CHECK_EQ(n.count, 2);
    notes_format(&n, 0, line, sizeof line);
    CHECK_STR(line, "7 pages are torn");
    notes_format(&n, 1, line, sizeof line);
    CHECK_STR(line, "\\base.vhdx: 8 pages are torn");
    char path[300] = "";
    memset(path, 'x', sizeof path - 1);
    notes_add_all(&n, &from, path);
    notes_format(&n, 2, line, 80);
    CHECK_STR(line + 40, ": 8 pages are torn");
    for (unsigned i = 0; i < 3 * NOTES_MAX; i++)
        notes_add_all(&n, &from, line + i % sizeof line);
    CHECK_EQ(n.count, NOTES_MAX);
}

TEST(a_failure_with_two_numbers)
{
    struct fail f;
    CHECK_EQ(fail_two(&f, ERR_CUT_OFF, "it has %u of %U", 3, 4), ERR_CUT_OFF);
    errors_format(&f, line, sizeof line);
    CHECK_STR(line, "it has 3 of 4");
    CHECK_EQ(fail(&f, ERR_CUT_OFF, "%u, %U", 1), ERR_CUT_OFF);
    errors_format(&f, line, sizeof line);
    CHECK_STR(line, "1, 0");
}
