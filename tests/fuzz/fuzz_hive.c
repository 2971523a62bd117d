/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A registry hive: whatever the bytes are, the walk ends, and all that is handed out lies in them.
 */
#include <stdlib.h>
#include "core/base/text.h"
#include "core/hive/hive.h"

#define DEPTH_MAX 8
#define STEPS     4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hive hive;
static unsigned sum;

static void touch(const uint8_t *data, size_t size)
{
    if (size && !range_ok((uint64_t)(data - hive.bytes.data), size, hive.bytes.size))
        abort();
    for (size_t i = 0; i < size; i++)
        sum += data[i];
}

static void touch_name(struct hive_name name)
{
    char text[256];
    struct text t;
    touch(name.data, name.narrow ? name.count : 2 * (size_t)name.count);
    text_init(&t, text, sizeof text);
    hive_name_text(&t, name);
}

static void touch_value(const struct hive_value *value)
{
    uint64_t number;
    uint32_t at = 0;
    struct hive_string s;
    touch_name(value->name);
    touch(value->data.data, value->data.size);
    if (value->data.size && hive.bytes.data + hive_data_offset(&hive, value) != value->data.data)
        abort();
    if (!value->in_pieces && value->data.size != value->size)
        abort();
    (void)hive_number(value, &number);
    if (hive_string(value, &s))
        touch(s.units, 2 * (size_t)s.count);
    while (hive_strings(value, &at, &s))
        touch(s.units, 2 * (size_t)s.count);
}

static void walk(const struct hive_key *key, unsigned depth)
{
    struct fail f = {0};
    touch_name(key->name);
    for (uint32_t i = 0; i < key->values && hive.steps_left; i++) {
        struct hive_value value;
        if (!hive_value(&hive, key, i, &value, &f))
            touch_value(&value);
        else if (!f.sentence)
            abort();
    }
    for (uint32_t i = 0; i < key->subkeys && hive.steps_left && depth < DEPTH_MAX; i++) {
        struct hive_key child;
        if (!hive_subkey(&hive, key, i, &child, &f))
            walk(&child, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hive_key key, root;
    struct hive_value value;
    struct fail f = {0};
    if (hive_open(&hive, (struct view){data, size}, &f)) {
        if (!f.sentence)
            abort();
        return 0;
    }
    hive.steps_left = STEPS;
    if (hive_root(&hive, &root, &f))
        abort();
    if (!hive_find(&hive, &root, "Select\\Last", &key, &f))
        touch_name(key.name);
    if (!hive_value_find(&hive, &root, "Current", &value, &f))
        touch_value(&value);
    walk(&root, 0);
    return 0;
}
