/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hive file made of a tree, as core/hive/format.h describes them: every cell in use, bins full
 * from the front, subkeys in "lf" lists sorted without letter case, one "sk" cell that every key
 * refers to. The oldest version (1.3), which is what boot stores have.
 */
#include <stdlib.h>
#include <string.h>
#include "windows/tree.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/hive/cell.h"
#include "core/hive/format.h"

#define MINOR       3u
#define ROOT_FLAGS  0x0cu /* the hive's root, which cannot be deleted */
#define NO_PARENT   0xffffffffu
#define DATA_INLINE 4u

struct writing {
    const struct tree *tree;
    uint8_t *bytes;         /* the bins */
    size_t used, bin, room; /* cells so far; where the last bin begins; all that there is */
    uint32_t security, keys;
    bool failed;
};

/* --- Bins and cells */

static bool room_make(struct writing *w, size_t wanted)
{
    while (w->room < wanted) {
        size_t more = w->room ? 2 * w->room : 16 * HIVE_BIN_ALIGN;
        uint8_t *bytes = realloc(w->bytes, more);
        if (!bytes)
            return !(w->failed = true);
        memset(bytes + w->room, 0, more - w->room);
        w->bytes = bytes;
        w->room = more;
    }
    return true;
}

static size_t bin_size(const struct writing *w)
{
    return le32_get(((const struct hive_bin *)(w->bytes + w->bin))->size);
}

/* What is left of the last bin becomes a free cell. */
static void bin_close(struct writing *w)
{
    size_t end = w->used ? w->bin + bin_size(w) : 0;
    if (w->used < end)
        *(le32 *)(w->bytes + w->used) = le32_make((uint32_t)(end - w->used));
    w->used = end;
}

static bool bin_open(struct writing *w, size_t cell)
{
    bin_close(w);
    size_t size =
        (cell + sizeof(struct hive_bin) + HIVE_BIN_ALIGN - 1) & ~(size_t)(HIVE_BIN_ALIGN - 1);
    if (!room_make(w, w->used + size))
        return false;
    w->bin = w->used;
    struct hive_bin *bin = (struct hive_bin *)(w->bytes + w->bin);
    *bin = (struct hive_bin){.magic = {'h', 'b', 'i', 'n'},
                             .at = le32_make((uint32_t)w->bin),
                             .size = le32_make((uint32_t)size)};
    if (!w->bin)
        bin->written = le64_make(w->tree->now);
    w->used += sizeof *bin;
    return true;
}

/* A cell for so many bytes: its offset; 0 where memory is out. No cell lies at 0. */
static uint32_t cell_new(struct writing *w, size_t bytes)
{
    size_t size = (bytes + HIVE_CELL_HEADER + HIVE_CELL_ALIGN - 1) & ~(size_t)(HIVE_CELL_ALIGN - 1);
    if (w->failed || ((!w->used || w->used + size > w->bin + bin_size(w)) && !bin_open(w, size)))
        return 0;
    size_t at = w->used;
    *(le32 *)(w->bytes + at) = le32_make(0 - (uint32_t)size);
    w->used += size;
    return (uint32_t)at;
}

static void *cell_data(struct writing *w, uint32_t cell)
{
    return w->bytes + cell + HIVE_CELL_HEADER;
}

/* --- Names */

static size_t name_size(const struct tree_name *name)
{
    return (size_t)name->count << !name->narrow;
}

static uint32_t name_wide(const struct tree_name *name)
{
    return 2u * name->count;
}

static unsigned unit(const struct tree_name *name, unsigned i)
{
    unsigned c = name->narrow ? name->data[i] : name->data[2 * i] | name->data[2 * i + 1] << 8;
    return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
}

static int by_name(const void *a, const void *b)
{
    const struct tree_name *x = &(*(const struct tree_key *const *)a)->name;
    const struct tree_name *y = &(*(const struct tree_key *const *)b)->name;
    for (unsigned i = 0; i < x->count && i < y->count; i++) {
        if (unit(x, i) != unit(y, i))
            return unit(x, i) < unit(y, i) ? -1 : 1;
    }
    return x->count < y->count ? -1 : x->count > y->count;
}

/* The entry of an "lf" list. */
static struct hive_hinted_cell hinted(uint32_t cell, const struct tree_name *name)
{
    struct hive_hinted_cell entry = {.cell = le32_make(cell)};
    for (unsigned i = 0; i < name->count && i < sizeof entry.hint; i++) {
        unsigned c = name->narrow ? name->data[i] : name->data[2 * i] | name->data[2 * i + 1] << 8;
        if (c > 0xff)
            return (struct hive_hinted_cell){.cell = le32_make(cell)};
        entry.hint[i] = (uint8_t)c;
    }
    return entry;
}

/* --- Keys and values */

static uint32_t put_value(struct writing *w, const struct tree_value *value)
{
    size_t name = name_size(&value->name);
    uint32_t at = cell_new(w, sizeof(struct hive_value_cell) + name);
    bool in_cell = value->size <= DATA_INLINE;
    uint32_t data = in_cell || !at ? 0 : cell_new(w, value->size);
    if (!at || (!in_cell && !data))
        return 0;
    struct hive_value_cell *cell = cell_data(w, at);
    *cell =
        (struct hive_value_cell){.magic = {'v', 'k'},
                                 .name_size = le16_make((uint16_t)name),
                                 .size = le32_make(value->size | (in_cell ? HIVE_DATA_IN_CELL : 0)),
                                 .data = le32_make(data),
                                 .type = le32_make(value->type),
                                 .flags = le16_make(value->name.narrow ? HIVE_VALUE_NARROW : 0)};
    memcpy(cell + 1, value->name.data, name);
    if (value->size)
        memcpy(in_cell ? (void *)&cell->data : cell_data(w, data), value->data, value->size);
    return at;
}

static void put_values(struct writing *w, uint32_t key_at, const struct tree_key *key)
{
    uint32_t count = 0, name_most = 0, data_most = 0;
    for (const struct tree_value *v = key->values; v; v = v->next) {
        count++;
        name_most = name_wide(&v->name) > name_most ? name_wide(&v->name) : name_most;
        data_most = v->size > data_most ? v->size : data_most;
    }
    uint32_t list = count ? cell_new(w, count * sizeof(le32)) : HIVE_NO_CELL;
    uint32_t i = 0;
    for (const struct tree_value *v = key->values; list && v; v = v->next) {
        uint32_t at = put_value(w, v);
        if (!at)
            return;
        ((le32 *)cell_data(w, list))[i++] = le32_make(at);
    }
    if (w->failed)
        return;
    struct hive_key_cell *cell = cell_data(w, key_at);
    cell->values = le32_make(count);
    cell->value_list = le32_make(list);
    cell->longest_name = le32_make(name_most);
    cell->longest_data = le32_make(data_most);
}

static uint32_t put_key(struct writing *w, const struct tree_key *key, uint32_t parent);

static void put_children(struct writing *w, uint32_t key_at, const struct tree_key *key)
{
    const struct tree_key *sorted[TREE_CHILDREN_MAX];
    uint32_t count = 0, name_most = 0;
    for (const struct tree_key *child = key->children; child; child = child->next) {
        if (count == TREE_CHILDREN_MAX) {
            w->failed = true;
            return;
        }
        sorted[count++] = child;
        name_most = name_wide(&child->name) > name_most ? name_wide(&child->name) : name_most;
    }
    uint32_t list = HIVE_NO_CELL;
    if (count) {
        qsort(sorted, count, sizeof sorted[0], by_name);
        list = cell_new(w, sizeof(struct hive_list_cell) + count * sizeof(struct hive_hinted_cell));
    }
    for (uint32_t i = 0; list && i < count; i++) {
        uint32_t at = put_key(w, sorted[i], key_at);
        if (!at)
            return;
        struct hive_list_cell *head = cell_data(w, list);
        *head = (struct hive_list_cell){.magic = {'l', 'f'}, .count = le16_make((uint16_t)count)};
        ((struct hive_hinted_cell *)(head + 1))[i] = hinted(at, &sorted[i]->name);
    }
    if (w->failed)
        return;
    struct hive_key_cell *cell = cell_data(w, key_at);
    cell->subkeys = le32_make(count);
    cell->list = le32_make(list);
    cell->longest_subkey = le32_make(name_most);
}

static uint32_t key_begin(struct writing *w, const struct tree_key *key, uint32_t parent)
{
    size_t name = name_size(&key->name);
    uint32_t at = cell_new(w, sizeof(struct hive_key_cell) + name);
    if (!at)
        return 0;
    unsigned flags = key->name.narrow ? HIVE_KEY_NARROW : 0;
    if (parent == NO_PARENT)
        flags |= ROOT_FLAGS;
    struct hive_key_cell *cell = cell_data(w, at);
    *cell = (struct hive_key_cell){.magic = {'n', 'k'},
                                   .flags = le16_make((uint16_t)flags),
                                   .written = le64_make(key->written),
                                   .parent = le32_make(parent),
                                   .volatile_list = le32_make(HIVE_NO_CELL),
                                   .security = le32_make(w->security),
                                   .class = le32_make(HIVE_NO_CELL),
                                   .name_size = le16_make((uint16_t)name)};
    memcpy(cell + 1, key->name.data, name);
    w->keys++;
    return at;
}

/* Ends: a tree is as deep as tree_load() and tree_make() made it. */
static uint32_t put_key(struct writing *w, const struct tree_key *key, uint32_t parent)
{
    uint32_t at = key_begin(w, key, parent);
    if (!at)
        return 0;
    put_values(w, at, key);
    put_children(w, at, key);
    return w->failed ? 0 : at;
}

/* --- Security, header */

/* Owner administrators, group system; both may do all, and so below. Self-relative. */
static const uint8_t usual_security[] = {
    1, 0, 0x04, 0x90, 0x48, 0, 0,    0, 0x58, 0, 0, 0, 0,    0, 0, 0, 0x14, 0, 0,    0, /* header */
    2, 0, 0x34, 0,    2,    0, 0,    0,                                                 /* DACL */
    0, 2, 0x18, 0,    0x3f, 0, 0x0f, 0, 1,    2, 0, 0, 0,    0, 0, 5, 0x20, 0, 0,    0, 0x20, 2,
    0, 0, 0,    2,    0x14, 0, 0x3f, 0, 0x0f, 0, 1, 1, 0,    0, 0, 0, 0,    5, 0x12, 0, 0,    0,
    1, 2, 0,    0,    0,    0, 0,    5, 0x20, 0, 0, 0, 0x20, 2, 0, 0, /* owner */
    1, 1, 0,    0,    0,    0, 0,    5, 0x12, 0, 0, 0};               /* group */

/* The root key, which is the first cell of all, the descriptor, then all the rest. */
static uint32_t put_root(struct writing *w)
{
    const struct tree *t = w->tree;
    const uint8_t *descriptor = t->security ? t->security : usual_security;
    uint32_t size = t->security ? t->security_size : sizeof usual_security;
    uint32_t root = key_begin(w, t->root, NO_PARENT);
    w->security = cell_new(w, sizeof(struct hive_security_cell) + size);
    if (!root || !w->security)
        return 0;
    ((struct hive_key_cell *)cell_data(w, root))->security = le32_make(w->security);
    put_values(w, root, t->root);
    put_children(w, root, t->root);
    if (w->failed)
        return 0;
    struct hive_security_cell *cell = cell_data(w, w->security);
    *cell = (struct hive_security_cell){.magic = {'s', 'k'},
                                        .next = le32_make(w->security),
                                        .previous = le32_make(w->security),
                                        .references = le32_make(w->keys),
                                        .size = le32_make(size)};
    memcpy(cell + 1, descriptor, size);
    return root;
}

static void put_header(struct hive_header *header, const struct writing *w, const char *name,
                       uint32_t root)
{
    *header = (struct hive_header){
        .magic = {'r', 'e', 'g', 'f'},
        .sequence = {le32_make(w->tree->sequence), le32_make(w->tree->sequence)},
        .written = le64_make(w->tree->now),
        .major = le32_make(1),
        .minor = le32_make(MINOR),
        .format = le32_make(1),
        .root = le32_make(root),
        .length = le32_make((uint32_t)w->used),
        .clustering = le32_make(1)};
    for (unsigned i = 0; name[i] && 2 * i + 2 < sizeof header->name; i++)
        header->name[2 * i] = (uint8_t)name[i];
    header->checksum = le32_make(hive_header_sum(header));
}

enum status tree_write(const struct tree *t, const char *name, uint8_t **bytes, size_t *size)
{
    struct writing w = {.tree = t};
    uint32_t root = put_root(&w);
    bin_close(&w);
    uint8_t *file = root && !w.failed ? malloc(HIVE_HEADER_SIZE + w.used) : NULL;
    if (file) {
        memset(file, 0, HIVE_HEADER_SIZE);
        put_header((struct hive_header *)file, &w, name, root);
        memcpy(file + HIVE_HEADER_SIZE, w.bytes, w.used);
        *bytes = file;
        *size = HIVE_HEADER_SIZE + w.used;
    }
    free(w.bytes);
    return file ? STATUS_OK : say_no_memory();
}
