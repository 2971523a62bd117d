/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the loader says of a disk's room for new blocks. */
#include "core/base/text.h"
#include "core/entry/open.h"
#include "unit/unit.h"
#include "unit/stage2/pc.h"
#include "tell.c"

static struct boot_disk disk;
static char room[80];

/* A disk with blocks of 2 MiB that has `absent` of them not, and `records` free ones. */
static void tell(enum map_growth growth, uint32_t absent, uint32_t records)
{
    struct text t;
    disk.map = (struct map){.growth = growth,
                            .page_shift = 12,
                            .record_cells = 2,
                            .record_end = 2 * records,
                            .absent = absent};
    memset(printed, 0, sizeof printed);
    text_init(&t, room, sizeof room);
    tell_growth(&disk);
    tell_room(&t, &disk.map);
}

TEST(tell_room_for_new_blocks)
{
    tell(MAP_GROWS_DYNAMIC, 5, 3);
    CHECK_STR(printed, "room for 3 new blocks, 6 MiB; beyond that, writes to new blocks fail\r\n");
    CHECK_STR(room, ", room for 6 MiB of new blocks");
    tell(MAP_GROWS_DIFFERENCING, 5, 0);
    CHECK_STR(printed, "room for 0 new blocks, 0 MiB; beyond that, writes to new blocks fail\r\n");
    CHECK_STR(room, ", no room for new blocks");
}

TEST(tell_no_room_where_none_is_needed)
{
    tell(MAP_GROWS_DYNAMIC, 0, 0); /* it has all of its blocks */
    CHECK_STR(printed, "");
    CHECK_STR(room, "");
    tell(MAP_GROWS_NOT, 0, 0);
    CHECK_STR(printed, "");
    CHECK_STR(room, "");
}
