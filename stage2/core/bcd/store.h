/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Windows' boot store as its boot manager's menu: what can be chosen, in which order, for how long.
 * Whatever else is in it, or is damaged, is passed over.
 */
#ifndef CORE_BCD_STORE_H
#define CORE_BCD_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/bcd/device.h"
#include "core/hive/hive.h"

struct arena;
struct file;
struct text;

#define BCD_FILE_MAX  (1u << 20)
#define BCD_ID_LENGTH 38u /* "{9dea862c-5cdd-4e70-acc1-f32b344d4795}" */
#define BCD_ID_SIZE   (BCD_ID_LENGTH + 1)

struct bcd {
    struct hive hive;
    struct hive_key objects;
    struct hive_key manager; /* the boot manager's object; where there is none, without elements */
};

/* Reads the store in `file` into memory of `a`. Fails where it is no hive, or a damaged one, or
 * none with objects in it. */
MUST_CHECK enum err bcd_load(struct bcd *store, struct file *file, struct arena *a, struct fail *f);

/* An entry of the menu. */
struct bcd_entry {
    char id[BCD_ID_SIZE];          /* its object's GUID, in braces */
    struct hive_string title;      /* count 0: none */
    struct bcd_device device;      /* what its Windows lies on */
    const struct bcd_level *image; /* of the device: the file with the virtual disk */
};

/* The next entry of the display order that starts a Windows from a virtual disk; *at starts with 0,
 * and is the place in the order afterwards. Others are passed over, and so is one that was there
 * before. false: no more. `entry` must stay where it is. */
bool bcd_next(struct bcd *store, uint32_t *at, struct bcd_entry *entry);

/* The display order's next object, whatever it is; `id` has room for BCD_ID_SIZE. */
bool bcd_next_id(struct bcd *store, uint32_t *at, char *id);

/* Which entry starts by itself; false: the store does not say. */
bool bcd_default(struct bcd *store, char *id);

/* After how many seconds; false: the store does not say. */
bool bcd_timeout(struct bcd *store, uint32_t *seconds);

/* An element of the boot manager as it lies in the store: its number is the eight digits. */
MUST_CHECK enum err bcd_manager_element(struct bcd *store, const char *digits,
                                        struct hive_value *value, struct fail *f);

#endif
