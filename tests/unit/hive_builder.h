/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes registry hives for tests, from the leaves up: values, then keys with them, then the root
 * key. All in one bin of as many pages as it takes.
 */
#ifndef TESTS_HIVE_BUILDER_H
#define TESTS_HIVE_BUILDER_H

#include "core/hive/format.h"
#include "core/hive/hive.h"
#include "unit/unit.h"

#define HB_OK  __attribute__((unused))
#define HB_MAX (1u << 20)

struct hive_builder {
    uint8_t data[HB_MAX];
    uint32_t used;    /* bytes behind the header */
    const char *list; /* kind of the lists of subkeys: lf, lh, li; ri: of lf with 3 keys each */
    bool wide;        /* names in UTF-16 */
};

static HB_OK void hb_start(struct hive_builder *b)
{
    memset(b, 0, sizeof *b);
    b->list = "lf";
    b->used = 32; /* the bin's own header */
}

static HB_OK uint8_t *hb_at(struct hive_builder *b, uint32_t cell)
{
    return b->data + HIVE_HEADER_SIZE + cell + HIVE_CELL_HEADER;
}

static HB_OK void hb_put32(uint8_t *to, uint32_t value)
{
    le32 v = le32_make(value);
    memcpy(to, &v, sizeof v);
}

/* A cell with room for `size` bytes. */
static HB_OK uint32_t hb_cell(struct hive_builder *b, uint32_t size)
{
    uint32_t cell = b->used;
    uint32_t bytes = (size + HIVE_CELL_HEADER + 7) / 8 * 8;
    CHECK(cell + bytes + 2 * HIVE_HEADER_SIZE <= HB_MAX);
    b->used += bytes;
    hb_put32(hb_at(b, cell) - HIVE_CELL_HEADER, 0 - bytes);
    return cell;
}

/* The name behind a cell's struct; returns its bytes. */
static HB_OK uint16_t hb_name_size(const struct hive_builder *b, const char *name)
{
    return (uint16_t)(strlen(name) * (b->wide ? 2 : 1));
}

static HB_OK void hb_name(const struct hive_builder *b, uint8_t *to, const char *name)
{
    for (size_t i = 0; name[i]; i++)
        to[i * (b->wide ? 2 : 1)] = (uint8_t)name[i];
}

static HB_OK uint32_t hb_value(struct hive_builder *b, const char *name, uint32_t type,
                               const void *data, uint32_t size)
{
    uint32_t cell = hb_cell(b, (uint32_t)sizeof(struct hive_value_cell) + hb_name_size(b, name));
    struct hive_value_cell *v = (struct hive_value_cell *)hb_at(b, cell);
    memcpy(v->magic, "vk", 2);
    v->name_size = (le16){{(uint8_t)hb_name_size(b, name), (uint8_t)(hb_name_size(b, name) >> 8)}};
    v->type = le32_make(type);
    v->flags = le16_make(b->wide ? 0 : HIVE_VALUE_NARROW);
    hb_name(b, hb_at(b, cell) + sizeof *v, name);
    if (size <= 4) {
        v->size = le32_make(size | HIVE_DATA_IN_CELL);
        memcpy(v->data.b, data, size);
        return cell;
    }
    uint32_t at = hb_cell(b, size);
    memcpy(hb_at(b, at), data, size);
    v->size = le32_make(size);
    v->data = le32_make(at);
    return cell;
}

static HB_OK uint32_t hb_dword(struct hive_builder *b, const char *name, uint32_t value)
{
    le32 v = le32_make(value);
    return hb_value(b, name, HIVE_DWORD, &v, sizeof v);
}

/* ASCII as UTF-16 with its NUL; a | in it is one as well. Returns the bytes. */
static HB_OK uint32_t hb_utf16(uint8_t *to, const char *text)
{
    uint32_t n = 0;
    do {
        to[n++] = *text == '|' ? 0 : (uint8_t)*text;
        to[n++] = 0;
    } while (*text++);
    return n;
}

static HB_OK uint32_t hb_text(struct hive_builder *b, const char *name, uint32_t type,
                              const char *text)
{
    static uint8_t units[4096];
    CHECK(2 * strlen(text) + 2 <= sizeof units);
    return hb_value(b, name, type, units, hb_utf16(units, text));
}

static HB_OK uint32_t hb_list(struct hive_builder *b, const char *kind, const uint32_t *keys,
                              uint32_t count)
{
    uint32_t step = kind[1] == 'i' ? 4 : 8;
    uint32_t cell = hb_cell(b, (uint32_t)sizeof(struct hive_list_cell) + count * step);
    struct hive_list_cell *l = (struct hive_list_cell *)hb_at(b, cell);
    memcpy(l->magic, kind, 2);
    l->count = le16_make((uint16_t)count);
    for (uint32_t i = 0; i < count; i++)
        hb_put32(hb_at(b, cell) + sizeof *l + (size_t)i * step, keys[i]);
    return cell;
}

static HB_OK uint32_t hb_keys(struct hive_builder *b, const uint32_t *keys, uint32_t count)
{
    uint32_t lists[256], n = 0;
    if (strcmp(b->list, "ri"))
        return hb_list(b, b->list, keys, count);
    for (uint32_t i = 0; i < count; i += 3)
        lists[n++] = hb_list(b, "lf", keys + i, count - i < 3 ? count - i : 3);
    return hb_list(b, "ri", lists, n);
}

static HB_OK uint32_t hb_key(struct hive_builder *b, const char *name, const uint32_t *keys,
                             uint32_t key_count, const uint32_t *values, uint32_t value_count)
{
    uint32_t list = key_count ? hb_keys(b, keys, key_count) : HIVE_NO_CELL;
    uint32_t value_list = value_count ? hb_cell(b, value_count * 4) : HIVE_NO_CELL;
    for (uint32_t i = 0; i < value_count; i++)
        hb_put32(hb_at(b, value_list) + (size_t)i * 4, values[i]);
    uint32_t cell = hb_cell(b, (uint32_t)sizeof(struct hive_key_cell) + hb_name_size(b, name));
    struct hive_key_cell *k = (struct hive_key_cell *)hb_at(b, cell);
    memcpy(k->magic, "nk", 2);
    k->flags = le16_make(b->wide ? 0 : HIVE_KEY_NARROW);
    k->subkeys = le32_make(key_count);
    k->list = le32_make(list);
    k->values = le32_make(value_count);
    k->value_list = le32_make(value_list);
    k->name_size = le16_make(hb_name_size(b, name));
    hb_name(b, hb_at(b, cell) + sizeof *k, name);
    return cell;
}

static HB_OK struct hive_header *hb_header(struct hive_builder *b)
{
    return (struct hive_header *)b->data;
}

static HB_OK void hb_sum(struct hive_builder *b)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < 127; i++) {
        le32 v;
        memcpy(&v, b->data + (size_t)i * 4, sizeof v);
        sum ^= le32_get(v);
    }
    hb_header(b)->checksum = le32_make(sum == 0 ? 1 : sum == 0xffffffff ? 0xfffffffe : sum);
}

/* The header and the free cell at the end. Returns the whole file. */
static HB_OK struct view hb_finish(struct hive_builder *b, uint32_t root)
{
    struct hive_header *h = hb_header(b);
    uint32_t length = (b->used + HIVE_BIN_ALIGN) / HIVE_BIN_ALIGN * HIVE_BIN_ALIGN;
    hb_put32(b->data + HIVE_HEADER_SIZE + b->used, length - b->used);
    memcpy(b->data + HIVE_HEADER_SIZE, "hbin", 4);
    hb_put32(b->data + HIVE_HEADER_SIZE + 8, length);
    memcpy(h->magic, "regf", 4);
    h->sequence[0] = h->sequence[1] = le32_make(7);
    h->major = le32_make(1);
    h->minor = le32_make(3);
    h->format = le32_make(1);
    h->root = le32_make(root);
    h->length = le32_make(length);
    hb_sum(b);
    return (struct view){b->data, HIVE_HEADER_SIZE + length};
}

#endif
