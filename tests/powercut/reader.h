/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The second reader of a chain, of whichever format: second.h or second_vhdx.h. */
#ifndef POWERCUT_READER_H
#define POWERCUT_READER_H

#include <stdbool.h>
#include <stdint.h>
#include "core/chain/chain.h"
#include "powercut/second.h"
#include "powercut/second_vhdx.h"

struct reader {
    bool is_vhdx;
    struct second vhd;
    struct second_vhdx vhdx;
};

/* Takes over where the files of the chain lie on `flash`, its bytes. NULL, or what is wrong. */
const char *reader_init(struct reader *r, const uint8_t *flash, const struct chain *chain);

/* Reads headers and tables anew. NULL, or what is wrong. */
const char *reader_open(struct reader *r);

/* The sector `lba` of the disk; NULL where a table is wrong. */
const uint8_t *reader_sector(const struct reader *r, uint64_t lba);

/* What a sector of the leaf's file is used for at this moment. */
enum second_use reader_use(const struct reader *r, uint64_t file_sector);

/* Blocks that the leaf has; its extents. */
uint64_t reader_blocks(const struct reader *r);
const struct extent_list *reader_extents(const struct reader *r);

#endif
