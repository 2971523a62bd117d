/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other flashes that images for a new one come from: TARGET:/path on mkimage flash's command line.
 */
#ifndef MKIMAGE_FLASH_ORIGIN_H
#define MKIMAGE_FLASH_ORIGIN_H

#include "cli/say.h"
#include "core/chain/chain.h"
#include "flash/target.h"

struct origin {
    char *real; /* TARGET's absolute path */
    struct target target;
    struct chain_files files; /* of its volume */
    struct origin *next;
};

/* The origin for TARGET, opened and put into the list where it is not there yet. */
enum status origin_open(struct origin **list, const char *target, struct origin **origin);
void origin_close_all(struct origin **list);

#endif
