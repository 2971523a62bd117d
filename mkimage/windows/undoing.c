/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tune's own plan for the saved hive tells what it changed: there is no other record of it. */
#include "windows/undoing.h"
#include <stdio.h>
#include <string.h>
#include "core/base/text.h"
#include "windows/tuning.h"

static bool value_of(struct registry *r, const char *key, const char *name,
                     struct hive_value *value)
{
    struct hive_key found;
    struct fail f;
    return registry_key(r, key, &found) && !hive_value_find(&r->hive, &found, name, value, &f);
}

/* A value as it was saved; one that was not there goes. */
static void restore(struct tuning *t, const char *key, const char *name, struct registry *before)
{
    struct hive_value value;
    bool had = value_of(before, key, name, &value);
    if (had && value.in_pieces)
        return;
    struct tuning_change *c = tuning_add(t, had ? TUNING_DATA : TUNING_NO_VALUE, key, name);
    if (!c || !had)
        return;
    c->type = value.type;
    c->size = (uint32_t)value.data.size;
    c->data = value.data.data;
}

/* A key that tune has removed, with its values; it has none below it. */
static void restore_key(struct tuning *t, const char *path, struct registry *before)
{
    struct hive_key key;
    struct hive_value value;
    struct fail f;
    if (!registry_key(before, path, &key))
        return;
    for (uint32_t i = 0; i < key.values; i++) {
        char name[sizeof t->change[0].value];
        struct text text;
        if (hive_value(&before->hive, &key, i, &value, &f) || value.name.count >= sizeof name / 3)
            continue;
        text_init(&text, name, sizeof name);
        hive_name_text(&text, value.name);
        restore(t, path, name, before);
    }
}

/* Is the key there that the path's last one lies in? Nothing is made where Windows removed it. */
static bool parent_is_there(struct registry *now, const char *path)
{
    char parent[sizeof((struct tuning_change *)0)->key];
    struct hive_key key;
    snprintf(parent, sizeof parent, "%s", path);
    char *last = strrchr(parent, '\\');
    if (last)
        *last = '\0';
    return registry_key(now, parent, &key);
}

void undoing_plan(struct tuning *t, struct registry *now, struct registry *before)
{
    static struct tuning done;
    const struct tuning_wish all = {.san_policy = true, .portable = true};
    *t = (struct tuning){0};
    tuning_plan(&done, before, &all);
    for (unsigned i = 0; i < done.count; i++) {
        const struct tuning_change *c = &done.change[i];
        struct hive_value value;
        struct hive_key key;
        uint32_t number;
        char first[8] = "";
        bool key_there = registry_key(now, c->key, &key);
        bool there = key_there && value_of(now, c->key, c->value, &value);
        switch (c->kind) {
        case TUNING_NUMBER:
            if (there && registry_number(now, c->key, c->value, &number) && number == c->number)
                restore(t, c->key, c->value, before);
            break;
        case TUNING_NO_LIST:
            if (there && registry_text(now, c->key, c->value, first, sizeof first) && !*first)
                restore(t, c->key, c->value, before);
            break;
        case TUNING_NO_VALUE:
            if (key_there && !there)
                restore(t, c->key, c->value, before);
            break;
        default:
            if (!key_there && parent_is_there(now, c->key))
                restore_key(t, c->key, before);
        }
    }
}
