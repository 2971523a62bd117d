/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys, and the lists through which they lead to their subkeys. */
#include "core/base/mem.h"
#include "core/hive/cell.h"
#include "core/hive/format.h"
#include "core/hive/hive.h"

/* A list of subkeys: its entries, and how long each one is. */
struct list {
    const uint8_t *entry;
    uint32_t count;
    uint32_t entry_size;
    bool of_lists;
};

static enum err list_open(struct hive *h, uint32_t cell, struct list *list, struct fail *f)
{
    struct view contents;
    *list = (struct list){0};
    enum err err = hive_cell(h, cell, sizeof(struct hive_list_cell), &contents, f);
    if (err)
        return err;
    const struct hive_list_cell *head = view_at(contents, 0, sizeof *head);
    char second = head->magic[0] == 'l' || head->magic[0] == 'r' ? (char)head->magic[1] : 0;
    list->of_lists = head->magic[0] == 'r';
    list->count = le16_get(head->count);
    list->entry_size = second == 'i' ? sizeof(le32) : 2 * sizeof(le32);
    if (second != 'i' && (list->of_lists || (second != 'f' && second != 'h')))
        return fail(f, ERR_HIVE, "the hive's cell %u should be a list of keys, but is not", cell);
    list->entry = view_at(contents, sizeof *head, (uint64_t)list->count * list->entry_size);
    if (!list->entry)
        return fail(f, ERR_HIVE, "the hive's list of keys in cell %u is longer than its cell",
                    cell);
    return ERR_OK;
}

static uint32_t list_cell(const struct list *list, uint32_t index)
{
    const le32 *entry = (const le32 *)(list->entry + (size_t)index * list->entry_size);
    return le32_get(*entry);
}

/* A list inside a list of lists, which holds keys: there are no more than these two levels. */
static enum err list_open_inner(struct hive *h, const struct list *outer, uint32_t index,
                                struct list *list, struct fail *f)
{
    enum err err = list_open(h, list_cell(outer, index), list, f);
    if (!err && list->of_lists)
        err = fail(f, ERR_HIVE, "the hive's lists of keys lie too deep, in cell %u",
                   list_cell(outer, index));
    return err;
}

/* How many keys the list holds. No more than there is room for in the hive: a damaged one can name
 * the same list many times. */
static enum err list_total(struct hive *h, uint32_t cell, uint32_t *total, struct fail *f)
{
    struct list list;
    uint64_t sum = 0;
    *total = 0;
    enum err err = list_open(h, cell, &list, f);
    if (err)
        return err;
    for (uint32_t i = 0; list.of_lists && i < list.count; i++) {
        struct list inner;
        err = list_open_inner(h, &list, i, &inner, f);
        if (err)
            return err;
        sum += inner.count;
    }
    if (!list.of_lists)
        sum = list.count;
    if (sum > h->cells.size / sizeof(struct hive_key_cell))
        return fail(f, ERR_HIVE, "the hive's list in cell %u has more keys than the hive", cell);
    *total = (uint32_t)sum;
    return ERR_OK;
}

static enum err list_find(struct hive *h, uint32_t cell, uint32_t index, uint32_t *key,
                          struct fail *f)
{
    struct list list;
    enum err err = list_open(h, cell, &list, f);
    if (err)
        return err;
    for (uint32_t i = 0; list.of_lists && i < list.count; i++) {
        struct list inner;
        err = list_open_inner(h, &list, i, &inner, f);
        if (err)
            return err;
        if (index < inner.count) {
            list = inner;
            break;
        }
        index -= inner.count;
    }
    if (list.of_lists || index >= list.count)
        return fail(f, ERR_HIVE, "the hive's list in cell %u ends too early", cell);
    *key = list_cell(&list, index);
    return ERR_OK;
}

static enum err key_values(struct hive *h, const struct hive_key_cell *cell, struct hive_key *key,
                           struct fail *f)
{
    struct view list;
    key->value_list = le32_get(cell->value_list);
    uint32_t count = le32_get(cell->values);
    if (!count || key->value_list == HIVE_NO_CELL)
        return ERR_OK;
    enum err err = hive_cell(h, key->value_list, 0, &list, f);
    if (err)
        return err;
    if (count > list.size / sizeof(le32))
        return fail(f, ERR_HIVE, "the hive's list of values in cell %u is longer than its cell",
                    key->value_list);
    key->values = count;
    return ERR_OK;
}

static enum err key_open(struct hive *h, uint32_t cell, struct hive_key *key, struct fail *f)
{
    struct view contents;
    *key = (struct hive_key){.cell = cell};
    enum err err = hive_cell(h, cell, sizeof(struct hive_key_cell), &contents, f);
    if (err)
        return err;
    const struct hive_key_cell *c = view_at(contents, 0, sizeof *c);
    uint32_t size = le16_get(c->name_size);
    const uint8_t *name = view_at(contents, sizeof *c, size);
    if (memcmp(c->magic, "nk", sizeof c->magic) || !name)
        return fail(f, ERR_HIVE, "the hive's cell %u should be a key, but is not", cell);
    key->name.narrow = le16_get(c->flags) & HIVE_KEY_NARROW;
    key->name.data = name;
    key->name.count = key->name.narrow ? size : size / 2;
    key->written = le64_get(c->written);
    key->subkey_list = le32_get(c->list);
    if (le32_get(c->subkeys) && key->subkey_list != HIVE_NO_CELL)
        err = list_total(h, key->subkey_list, &key->subkeys, f);
    return err ? err : key_values(h, c, key, f);
}

enum err hive_root(struct hive *h, struct hive_key *root, struct fail *f)
{
    return key_open(h, h->root, root, f);
}

enum err hive_subkey(struct hive *h, const struct hive_key *parent, uint32_t index,
                     struct hive_key *key, struct fail *f)
{
    uint32_t cell = 0;
    if (index >= parent->subkeys)
        return fail(f, ERR_NOT_FOUND, "the registry key has no subkey %u", index);
    enum err err = list_find(h, parent->subkey_list, index, &cell, f);
    return err ? err : key_open(h, cell, key, f);
}

/* The subkey named by the first `length` letters of `name`. A damaged one is passed over, but where
 * the name is not found it is the reason. */
static enum err find_subkey(struct hive *h, const struct hive_key *parent, const char *name,
                            uint32_t length, struct hive_key *key, struct fail *f)
{
    enum err result = fail(f, ERR_NOT_FOUND, "the registry has no such key", 0);
    for (uint32_t i = 0; i < parent->subkeys; i++) {
        struct fail why;
        enum err err = hive_subkey(h, parent, i, key, &why);
        if (!err && hive_name_matches(key->name, name, length))
            return ERR_OK;
        if (err && result == ERR_NOT_FOUND) {
            *f = why;
            result = err;
        }
        if (err == ERR_LIMIT)
            break;
    }
    return result;
}

enum err hive_find(struct hive *h, const struct hive_key *from, const char *path,
                   struct hive_key *key, struct fail *f)
{
    *key = *from;
    while (*path) { /* ends: every round takes a letter off the path at least */
        uint32_t length = 0;
        while (path[length] && path[length] != '\\')
            length++;
        struct hive_key parent = *key;
        enum err err = length ? find_subkey(h, &parent, path, length, key, f) : ERR_OK;
        if (err)
            return err;
        path += length + (path[length] == '\\');
    }
    return ERR_OK;
}
