/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last steps of mkimage check: would the machine start this entry of the menu? */
#ifndef MKIMAGE_VERBS_CHECK_ENTRY_H
#define MKIMAGE_VERBS_CHECK_ENTRY_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/steps.h"
#include "core/entry/config.h"
#include "flash/target.h"

enum check_system { SYSTEM_UNKNOWN, SYSTEM_THERE, SYSTEM_MISSING };

struct check_entry {
    const struct config_entry *entry;
    struct steps steps;
    enum check_system system; /* what its boot record says */
    bool write_protected;
    bool has_slack; /* its image can get new blocks, and these it has room for */
    uint32_t slack_blocks, slack_absent;
    uint64_t slack_bytes;
};

/* Opens the entry as the machine does. What other volumes it finds stays in the target's memory;
 * all else is given back. `c` holds the findings until check_entry_free. */
void check_entry_look(struct check_entry *c, struct target *t, const struct config_entry *entry);
void check_entry_free(struct check_entry *c);

/* The keys that are about the entry, for an object that is open. */
void check_entry_json(const struct check_entry *c);

#endif
