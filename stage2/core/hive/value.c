/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values, and what their data means. */
#include "core/base/mem.h"
#include "core/hive/cell.h"
#include "core/hive/format.h"
#include "core/hive/hive.h"

/* Data longer than a cell of a late hive lies in pieces; there, a cell too short for it holds the
 * list of them. */
static bool in_pieces(const struct hive *h, struct view cell, uint32_t size)
{
    return size > HIVE_DATA_MAX && h->minor >= HIVE_DATA_PIECES && cell.size < size &&
           cell.size >= 2 && !memcmp(cell.data, "db", 2);
}

static enum err value_data(struct hive *h, const struct hive_value_cell *c,
                           struct hive_value *value, struct fail *f)
{
    value->size = le32_get(c->size);
    if (value->size & HIVE_DATA_IN_CELL) {
        value->size &= ~HIVE_DATA_IN_CELL;
        if (value->size > sizeof c->data)
            return fail(f, ERR_HIVE, "the hive has %u bytes of data in a cell's last four",
                        value->size);
        value->data = (struct view){c->data.b, value->size};
        return ERR_OK;
    }
    if (!value->size)
        return ERR_OK;
    struct view data;
    enum err err = hive_cell(h, le32_get(c->data), 0, &data, f);
    if (err)
        return err;
    value->in_pieces = in_pieces(h, data, value->size);
    if (value->in_pieces)
        return ERR_OK;
    if (data.size < value->size)
        return fail(f, ERR_HIVE, "the hive's data in cell %u is longer than its cell",
                    le32_get(c->data));
    value->data = (struct view){data.data, value->size};
    return ERR_OK;
}

enum err hive_value(struct hive *h, const struct hive_key *key, uint32_t index,
                    struct hive_value *value, struct fail *f)
{
    struct view contents;
    *value = (struct hive_value){0};
    if (index >= key->values)
        return fail(f, ERR_NOT_FOUND, "the registry key has no value %u", index);
    enum err err =
        hive_cell(h, key->value_list, key->values * (uint32_t)sizeof(le32), &contents, f);
    if (err)
        return err;
    const le32 *entry = view_at(contents, (uint64_t)index * sizeof *entry, sizeof *entry);
    uint32_t cell = le32_get(*entry);
    err = hive_cell(h, cell, sizeof(struct hive_value_cell), &contents, f);
    if (err)
        return err;
    const struct hive_value_cell *c = view_at(contents, 0, sizeof *c);
    uint32_t size = le16_get(c->name_size);
    value->name.data = view_at(contents, sizeof *c, size);
    if (memcmp(c->magic, "vk", sizeof c->magic) || !value->name.data)
        return fail(f, ERR_HIVE, "the hive's cell %u should be a value, but is not", cell);
    value->name.narrow = le16_get(c->flags) & HIVE_VALUE_NARROW;
    value->name.count = value->name.narrow ? size : size / 2;
    value->type = le32_get(c->type);
    return value_data(h, c, value, f);
}

/* As with keys: a damaged value is passed over, but it is the reason where the name is not there.
 */
enum err hive_value_find(struct hive *h, const struct hive_key *key, const char *name,
                         struct hive_value *value, struct fail *f)
{
    enum err result = fail(f, ERR_NOT_FOUND, "the registry key has no such value", 0);
    for (uint32_t i = 0; i < key->values; i++) {
        struct fail why;
        enum err err = hive_value(h, key, i, value, &why);
        if (!err && hive_name_is(value->name, name))
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

uint32_t hive_data_offset(const struct hive *h, const struct hive_value *value)
{
    return value->data.data ? (uint32_t)(value->data.data - h->bytes.data) : 0;
}

bool hive_number(const struct hive_value *value, uint64_t *number)
{
    size_t size = value->data.size;
    bool fits = value->type == HIVE_DWORD   ? size == 4
                : value->type == HIVE_QWORD ? size == 8
                                            : value->type == HIVE_BINARY && size && size <= 8;
    if (!fits)
        return false;
    *number = 0;
    for (size_t i = size; i > 0; i--)
        *number = *number << 8 | value->data.data[i - 1];
    return true;
}
