/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and strings: Latin-1 or UTF-16 in the hive, ASCII where they are searched for. */
#include "core/base/text.h"
#include "core/hive/hive.h"

static uint32_t unit_at(const uint8_t *units, uint32_t index)
{
    return (uint32_t)units[2 * (size_t)index] | (uint32_t)units[2 * (size_t)index + 1] << 8;
}

static uint32_t lower(uint32_t c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

bool hive_name_matches(struct hive_name name, const char *ascii, uint32_t length)
{
    if (name.count != length)
        return false;
    for (uint32_t i = 0; i < length; i++) {
        uint32_t c = name.narrow ? name.data[i] : unit_at(name.data, i);
        if (lower(c) != lower((uint8_t)ascii[i]))
            return false;
    }
    return true;
}

bool hive_name_is(struct hive_name name, const char *ascii)
{
    return hive_name_matches(name, ascii, (uint32_t)text_length(ascii));
}

void hive_name_text(struct text *t, struct hive_name name)
{
    if (!name.narrow) {
        text_utf16le(t, name.data, name.count);
        return;
    }
    for (uint32_t i = 0; i < name.count; i++) {
        const uint8_t unit[2] = {name.data[i], 0};
        text_utf16le(t, unit, 1);
    }
}

/* The units from byte `at` of the data up to a NUL. */
static struct hive_string string_at(struct view data, uint32_t at)
{
    struct hive_string string = {data.data + at, 0};
    uint32_t units = (uint32_t)(data.size - at) / 2;
    while (string.count < units && unit_at(string.units, string.count))
        string.count++;
    return string;
}

bool hive_string(const struct hive_value *value, struct hive_string *string)
{
    bool text = value->type == HIVE_SZ || value->type == HIVE_EXPAND_SZ ||
                value->type == HIVE_LINK || value->type == HIVE_MULTI_SZ;
    if (text)
        *string = value->data.size ? string_at(value->data, 0) : (struct hive_string){0};
    return text && !value->in_pieces;
}

bool hive_strings(const struct hive_value *value, uint32_t *at, struct hive_string *string)
{
    if (value->type != HIVE_MULTI_SZ || *at >= value->data.size)
        return false;
    *string = string_at(value->data, *at);
    *at += 2 * string->count + 2;
    return string->count != 0; /* an empty one is the end */
}

bool hive_string_is(struct hive_string string, const char *ascii)
{
    return hive_name_is((struct hive_name){string.units, string.count, false}, ascii);
}
