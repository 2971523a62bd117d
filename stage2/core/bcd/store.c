/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects by their GUID, elements by their digits; a search costs the walk through their names. */
#include "core/bcd/store.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/bcd/format.h"

/* The largest store met has 309 keys: each of its objects can be looked for a hundred times over.
 */
#define BCD_STEPS ((uint32_t)1 << 20)

static enum err element_of(struct bcd *store, const struct hive_key *object, const char *digits,
                           struct hive_value *value, struct fail *f)
{
    struct hive_key key;
    enum err err = hive_find(&store->hive, object, "Elements", &key, f);
    if (!err)
        err = hive_find(&store->hive, &key, digits, &key, f);
    return err ? err : hive_value_find(&store->hive, &key, "Element", value, f);
}

enum err bcd_load(struct bcd *store, struct file *file, struct arena *a, struct fail *f)
{
    struct hive_key root;
    struct fail ignored;
    *store = (struct bcd){0};
    enum err err = hive_load(&store->hive, file, BCD_FILE_MAX, a, f);
    if (err)
        return err;
    store->hive.steps_left = BCD_STEPS;
    err = hive_root(&store->hive, &root, f);
    if (!err)
        err = hive_find(&store->hive, &root, "Objects", &store->objects, f);
    if (err == ERR_NOT_FOUND)
        err = fail(f, ERR_HIVE, "this is no boot store: it has no objects", 0);
    if (err)
        return fail_subject(f, file->path);
    if (hive_find(&store->hive, &store->objects, BCD_MANAGER, &store->manager, &ignored))
        store->manager = (struct hive_key){0};
    return ERR_OK;
}

enum err bcd_manager_element(struct bcd *store, const char *digits, struct hive_value *value,
                             struct fail *f)
{
    return element_of(store, &store->manager, digits, value, f);
}

/* A GUID in braces, in its usual letters; false: it is none. */
static bool id_of(struct hive_string string, char *id)
{
    struct text t;
    if (string.count != BCD_ID_LENGTH)
        return false;
    text_init(&t, id, BCD_ID_SIZE);
    for (uint32_t i = 0; i < BCD_ID_LENGTH; i++) {
        char c = (char)string.units[2 * (size_t)i];
        bool brace = i == 0 || i == BCD_ID_LENGTH - 1;
        bool dash = i == 9 || i == 14 || i == 19 || i == 24;
        bool good = brace  ? c == (i ? '}' : '{')
                    : dash ? c == '-'
                           : text_hex_digit((uint8_t)c) >= 0;
        if (!good || string.units[2 * (size_t)i + 1])
            return false;
        text_char(&t, c >= 'A' && c <= 'F' ? (char)(c + ('a' - 'A')) : c);
    }
    return true;
}

bool bcd_next_id(struct bcd *store, uint32_t *at, char *id)
{
    struct hive_value order;
    struct hive_string string;
    struct fail ignored;
    if (bcd_manager_element(store, BCD_ORDER, &order, &ignored))
        return false;
    while (hive_strings(&order, at, &string)) { /* ends: *at grows, up to the value's end */
        if (id_of(string, id))
            return true;
    }
    return false;
}

/* Is the object in the order in front of `end`? */
static bool was_there(struct bcd *store, uint32_t end, const char *id)
{
    char other[BCD_ID_SIZE];
    uint32_t at = 0;
    while (bcd_next_id(store, &at, other) && at < end) {
        if (!text_compare(other, id))
            return true;
    }
    return false;
}

/* Does the object start a Windows from a virtual disk? Then it is the entry. */
static bool entry_of(struct bcd *store, const char *id, struct bcd_entry *entry)
{
    struct hive_key object, description;
    struct hive_value value;
    struct fail ignored;
    uint64_t type;
    if (hive_find(&store->hive, &store->objects, id, &object, &ignored) ||
        hive_find(&store->hive, &object, "Description", &description, &ignored) ||
        hive_value_find(&store->hive, &description, "Type", &value, &ignored) ||
        !hive_number(&value, &type) || type != BCD_TYPE_LOADER)
        return false;
    if ((element_of(store, &object, BCD_OS_DEVICE, &value, &ignored) &&
         element_of(store, &object, BCD_DEVICE, &value, &ignored)) ||
        value.type != HIVE_BINARY || bcd_device_decode(&entry->device, value.data, &ignored))
        return false;
    entry->image = bcd_device_image(&entry->device);
    entry->title = (struct hive_string){0};
    if (entry->image && !element_of(store, &object, BCD_TITLE, &value, &ignored))
        (void)hive_string(&value, &entry->title);
    return entry->image;
}

bool bcd_next(struct bcd *store, uint32_t *at, struct bcd_entry *entry)
{
    while (bcd_next_id(store, at, entry->id)) { /* ends: *at grows */
        if (!was_there(store, *at, entry->id) && entry_of(store, entry->id, entry))
            return true;
    }
    return false;
}

bool bcd_default(struct bcd *store, char *id)
{
    struct hive_value value;
    struct hive_string string;
    struct fail ignored;
    return !bcd_manager_element(store, BCD_DEFAULT, &value, &ignored) &&
           hive_string(&value, &string) && id_of(string, id);
}

bool bcd_timeout(struct bcd *store, uint32_t *seconds)
{
    struct hive_value value;
    struct fail ignored;
    uint64_t number;
    if (bcd_manager_element(store, BCD_TIMEOUT, &value, &ignored) || !hive_number(&value, &number))
        return false;
    *seconds = number > 86400 ? 86400 : (uint32_t)number;
    return true;
}
