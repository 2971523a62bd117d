/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Blocks come and go with trim: what was said is not said again for one of them. */
#include "guest/room.h"
#include <stdio.h>
#include "core/base/text.h"

#define LOW_PART   10u /* of the most */
#define AGAIN_PART 5u

enum room_level room_look(struct room *r, bool limited, uint64_t left)
{
    if (left > r->most)
        r->most = left;
    if (!limited || left > r->most / AGAIN_PART)
        r->said = ROOM_ENOUGH;
    enum room_level level = !limited                     ? ROOM_ENOUGH
                            : !left                      ? ROOM_NONE
                            : left <= r->most / LOW_PART ? ROOM_LOW
                                                         : ROOM_ENOUGH;
    if (level <= r->said)
        return ROOM_ENOUGH;
    r->said = level;
    return level;
}

void room_sentence(enum room_level level, uint64_t left, char *text, size_t size)
{
    char room[32];
    struct text t;
    text_init(&t, room, sizeof room);
    text_bytes(&t, left);
    if (level == ROOM_NONE)
        snprintf(text, size,
                 "the image's room for new blocks is used up: writes that need one fail. "
                 "vhdboot-attach grow makes more.");
    else
        snprintf(text, size,
                 "only %s are left for new blocks of the image. vhdboot-attach grow makes more.",
                 room);
}
