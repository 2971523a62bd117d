/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys and values as lists; the file's bytes are tree_write.c's. */
#include "windows/tree.h"
#include <string.h>
#include <time.h>
#include "core/base/text.h"
#include "core/hive/cell.h"
#include "core/hive/format.h"

#define FILETIME_OF_1970 116444736000000000u
#define FILETIME_SECOND  10000000u

static struct tree_name name_of(struct tree *t, const char *ascii)
{
    size_t count = strlen(ascii);
    uint8_t *data = arena_alloc(t->arena, count + 1);
    if (data)
        memcpy(data, ascii, count);
    return (struct tree_name){data, (uint16_t)count, true};
}

static bool name_is(const struct tree_name *name, const char *ascii)
{
    return hive_name_is((struct hive_name){name->data, name->count, name->narrow}, ascii);
}

static struct tree_key *key_new(struct tree *t, struct tree_name name)
{
    struct tree_key *key = name.data ? arena_alloc(t->arena, sizeof *key) : NULL;
    if (key)
        *key = (struct tree_key){.name = name, .written = t->now};
    return key;
}

bool tree_new(struct tree *t, struct arena *arena, const char *root)
{
    *t = (struct tree){.arena = arena,
                       .sequence = 1,
                       .now = FILETIME_OF_1970 + (uint64_t)time(NULL) * FILETIME_SECOND};
    t->root = key_new(t, name_of(t, root));
    return t->root;
}

struct tree_key *tree_find(const struct tree_key *key, const char *name)
{
    for (struct tree_key *child = key ? key->children : NULL; child; child = child->next) {
        if (name_is(&child->name, name))
            return child;
    }
    return NULL;
}

struct tree_key *tree_make(struct tree *t, struct tree_key *key, const char *name)
{
    struct tree_key *child = tree_find(key, name);
    if (child || !key)
        return child;
    child = key_new(t, name_of(t, name));
    if (child) {
        child->next = key->children;
        key->children = child;
    }
    return child;
}

static struct tree_value *value_find(const struct tree_key *key, const char *name)
{
    for (struct tree_value *v = key ? key->values : NULL; v; v = v->next) {
        if (name_is(&v->name, name))
            return v;
    }
    return NULL;
}

const struct tree_value *tree_value(const struct tree_key *key, const char *name)
{
    return value_find(key, name);
}

bool tree_set(struct tree *t, struct tree_key *key, const char *name, uint32_t type,
              const void *data, size_t size)
{
    struct tree_value *value = value_find(key, name);
    uint8_t *copy = key ? arena_alloc(t->arena, size + 1) : NULL;
    if (!copy || size > TREE_DATA_MAX)
        return false;
    if (size)
        memcpy(copy, data, size);
    if (!value) {
        struct tree_name own = name_of(t, name);
        value = own.data ? arena_alloc(t->arena, sizeof *value) : NULL;
        if (!value)
            return false;
        *value = (struct tree_value){.next = key->values, .name = own};
        key->values = value;
    }
    value->type = type;
    value->data = copy;
    value->size = (uint32_t)size;
    key->written = t->now;
    return true;
}

void tree_name_text(const struct tree_name *name, char *text, size_t size)
{
    struct text t;
    text_init(&t, text, size);
    hive_name_text(&t, (struct hive_name){name->data, name->count, name->narrow});
}

/* --- From a hive */

struct loading {
    struct tree *tree;
    struct hive *hive;
    unsigned keys;
};

static struct tree_name name_taken(struct hive_name name)
{
    return (struct tree_name){name.data, (uint16_t)name.count, name.narrow};
}

static enum err load_values(struct loading *l, const struct hive_key *from, struct tree_key *key,
                            struct fail *f)
{
    struct tree_value **end = &key->values;
    for (uint32_t i = 0; i < from->values; i++) {
        struct hive_value value;
        enum err err = hive_value(l->hive, from, i, &value, f);
        if (err)
            return err;
        if (value.in_pieces)
            return fail(f, ERR_LIMIT, "a value has %u bytes, more than one in a boot store has",
                        value.size);
        struct tree_value *copy = arena_alloc(l->tree->arena, sizeof *copy);
        if (!copy)
            return fail(f, ERR_MEMORY, "out of memory", 0);
        *copy = (struct tree_value){.name = name_taken(value.name),
                                    .type = value.type,
                                    .size = (uint32_t)value.data.size,
                                    .data = value.data.data};
        *end = copy;
        end = &copy->next;
    }
    return ERR_OK;
}

/* Ends: a hive leads no deeper than TREE_DEPTH_MAX here, and to no more than TREE_KEYS_MAX keys. */
static enum err load_key(struct loading *l, const struct hive_key *from, unsigned depth,
                         struct tree_key **made, struct fail *f)
{
    if (depth == TREE_DEPTH_MAX || ++l->keys > TREE_KEYS_MAX)
        return fail(f, ERR_LIMIT, "it has more keys than a boot store has", 0);
    if (from->subkeys > TREE_CHILDREN_MAX)
        return fail(f, ERR_LIMIT, "one of its keys has %u others below it, more than a boot store",
                    from->subkeys);
    struct tree_key *key = arena_alloc(l->tree->arena, sizeof *key);
    if (!key)
        return fail(f, ERR_MEMORY, "out of memory", 0);
    *key = (struct tree_key){.name = name_taken(from->name), .written = from->written};
    enum err err = load_values(l, from, key, f);
    struct tree_key **end = &key->children;
    for (uint32_t i = 0; !err && i < from->subkeys; i++) {
        struct hive_key child;
        err = hive_subkey(l->hive, from, i, &child, f);
        if (!err)
            err = load_key(l, &child, depth + 1, end, f);
        if (!err)
            end = &(*end)->next;
    }
    *made = key;
    return err;
}

/* The root's security descriptor: one that is damaged is left out, and the usual one taken. */
static void load_security(struct tree *t, struct hive *h)
{
    struct fail f;
    struct view cell;
    if (hive_cell(h, h->root, sizeof(struct hive_key_cell), &cell, &f))
        return;
    uint32_t at = le32_get(((const struct hive_key_cell *)cell.data)->security);
    if (hive_cell(h, at, sizeof(struct hive_security_cell), &cell, &f))
        return;
    const struct hive_security_cell *security = (const struct hive_security_cell *)cell.data;
    uint32_t size = le32_get(security->size);
    const uint8_t *descriptor = view_at(cell, sizeof *security, size);
    if (memcmp(security->magic, "sk", 2) || !descriptor || !size)
        return;
    t->security = descriptor;
    t->security_size = size;
}

enum err tree_load(struct tree *t, struct hive *h, struct arena *arena, struct fail *f)
{
    struct hive_key root;
    struct loading l = {.tree = t, .hive = h};
    enum err err = hive_root(h, &root, f);
    if (!err && !tree_new(t, arena, ""))
        err = fail(f, ERR_MEMORY, "out of memory", 0);
    if (!err)
        err = load_key(&l, &root, 0, &t->root, f);
    load_security(t, h);
    t->sequence = h->sequence[0] + 1;
    return err;
}
