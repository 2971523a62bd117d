/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a boot store (\Boot\BCD) says: a new one as bcdboot fills it for a BIOS, and entries added
 * to one that exists, of which everything else stays.
 */
#ifndef MKIMAGE_WINDOWS_BOOTSTORE_H
#define MKIMAGE_WINDOWS_BOOTSTORE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/bcd/store.h"
#include "windows/numbers.h"
#include "windows/element.h"
#include "windows/tree.h"

#define BOOTSTORE_TIMEOUT 30u /* seconds, as bcdboot says */

struct bootstore_entry {
    const char *title;
    const char *vhd;                   /* path; NULL: Windows lies on a plain volume */
    const struct bcd_level *partition; /* of the image, or of Windows; NULL: searched for,
                                        * or the boot manager's own */
    bool modern;                       /* Windows 8 or later */
    char id[STORE_ID_SIZE];            /* the entry's object: "" where there is none yet; out */
};

/* A store without entries. `partition`: where the boot manager lies; NULL: where it was started
 * from. */
enum status bootstore_new(struct tree *t, struct arena *arena, const struct bcd_level *partition,
                          bool modern);

/* Has it what a store must have? `name` is for the sentence that says what not. */
enum status bootstore_check(const struct tree *t, const char *name);

/* Is the object in the boot manager's display order? */
bool bootstore_shows(const struct tree *t, const char *id);

/* The entry behind *at, which starts with NULL, that starts a Windows out of a virtual disk; its
 * title is left out. false: no more. */
bool bootstore_next(const struct tree *t, const struct tree_key **at, struct bcd_entry *entry);

/* The store says which entry starts by itself, as the boot manager decides it where it does not:
 * the first of the order. *changed: it did not. */
enum status bootstore_settle(struct tree *t, bool *changed);

/*
 * Adds an entry at the end of the order. An image's entry that the store has already is named by
 * entry->id (leads.h finds it; "": none); a Windows' own is looked for here. It goes back into the
 * order where it is not shown. *there: it is, and nothing was changed.
 */
enum status bootstore_add(struct tree *t, struct bootstore_entry *entry, bool *there);

#endif
