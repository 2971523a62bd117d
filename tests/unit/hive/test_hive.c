/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The registry reader: good hives of each kind of list and name, and damaged ones. */
#include "unit/hive_builder.h"
#include "unit/fakes.h"
#include "core/base/text.h"

static struct hive_builder b;
static struct hive hive;
static struct hive_key root, key;
static struct hive_value value;
static struct fail f;
static struct view bytes;
static uint32_t select_key, services_key, services[8], current_value, root_cell;

/* \Select (Current = 2, Text, List, Blob), \ControlSet002\Services\svc0..svc7 (Start = n). */
static void make(const char *list, bool wide)
{
    hb_start(&b);
    b.list = list;
    b.wide = wide;
    uint8_t blob[100];
    for (unsigned i = 0; i < sizeof blob; i++)
        blob[i] = (uint8_t)i;
    current_value = hb_dword(&b, "Current", 2);
    const uint32_t select_values[] = {
        current_value,
        hb_text(&b, "Text", HIVE_SZ, "short|junk"),
        hb_text(&b, "List", HIVE_MULTI_SZ, "one|two|three|"),
        hb_value(&b, "Blob", HIVE_BINARY, blob, sizeof blob),
        hb_value(&b, "", HIVE_SZ, "a\0b\0", 4),
    };
    select_key = hb_key(&b, "Select", NULL, 0, select_values, 5);
    for (unsigned i = 0; i < 8; i++) {
        char name[] = "svc0";
        name[3] = (char)('0' + i);
        uint32_t start = hb_dword(&b, "Start", i);
        services[i] = hb_key(&b, name, NULL, 0, &start, 1);
    }
    services_key = hb_key(&b, "Services", services, 8, NULL, 0);
    uint32_t set = hb_key(&b, "ControlSet002", &services_key, 1, NULL, 0);
    root_cell = hb_key(&b, "ROOT", (uint32_t[]){set, select_key}, 2, NULL, 0);
    bytes = hb_finish(&b, root_cell);
}

static void open_made(void)
{
    CHECK_EQ(hive_open(&hive, bytes, &f), ERR_OK);
    CHECK_EQ(hive_root(&hive, &root, &f), ERR_OK);
}

static void walk(void)
{
    open_made();
    CHECK(!hive.dirty && !hive.refused);
    CHECK_EQ(hive.minor, 3);
    CHECK_EQ(root.subkeys, 2);
    CHECK(hive_name_is(root.name, "root"));
    CHECK_EQ(hive_find(&hive, &root, "controlset002\\SERVICES", &key, &f), ERR_OK);
    CHECK_EQ(key.subkeys, 8);
    CHECK_EQ(key.values, 0);
    for (uint32_t i = 0; i < 8; i++) {
        struct hive_key service;
        uint64_t start;
        char text[16];
        struct text t;
        CHECK_EQ(hive_subkey(&hive, &key, i, &service, &f), ERR_OK);
        text_init(&t, text, sizeof text);
        hive_name_text(&t, service.name);
        CHECK(!strncmp(text, "svc", 3) && text[3] == (char)('0' + i) && !text[4]);
        CHECK_EQ(hive_value_find(&hive, &service, "START", &value, &f), ERR_OK);
        CHECK(hive_number(&value, &start));
        CHECK_EQ(start, i);
    }
    CHECK_EQ(hive_subkey(&hive, &key, 8, &key, &f), ERR_NOT_FOUND);
}

TEST(hive_lists_of_all_kinds)
{
    static const char *const kind[] = {"lf", "lh", "li", "ri"};
    for (unsigned i = 0; i < 8; i++) {
        make(kind[i / 2], i % 2);
        walk();
    }
}

TEST(hive_versions)
{
    make("lf", false);
    for (uint32_t minor = 0; minor < 9; minor++) {
        hb_header(&b)->minor = le32_make(minor);
        hb_sum(&b);
        enum err err = hive_open(&hive, bytes, &f);
        CHECK_EQ(err, minor < 3 || minor > 6 ? ERR_UNSUPPORTED : ERR_OK);
        if (!err)
            CHECK_EQ(hive.refused != NULL, minor > 5);
    }
}

TEST(hive_finds)
{
    make("lf", false);
    open_made();
    CHECK_EQ(hive_find(&hive, &root, "", &key, &f), ERR_OK);
    CHECK_EQ(key.cell, root.cell);
    CHECK_EQ(hive_find(&hive, &root, "\\Select\\", &key, &f), ERR_OK);
    CHECK_EQ(key.cell, select_key);
    CHECK_EQ(key.values, 5);
    CHECK_EQ(hive_find(&hive, &root, "Select\\none", &key, &f), ERR_NOT_FOUND);
    CHECK_EQ(hive_find(&hive, &root, "Selec", &key, &f), ERR_NOT_FOUND);
    CHECK_EQ(hive_find(&hive, &root, "Selectx", &key, &f), ERR_NOT_FOUND);
}

TEST(hive_values)
{
    struct hive_string s;
    uint32_t at = 0;
    uint64_t n;
    make("lf", false);
    open_made();
    CHECK_EQ(hive_find(&hive, &root, "Select", &key, &f), ERR_OK);
    CHECK_EQ(hive_value_find(&hive, &key, "Current", &value, &f), ERR_OK);
    CHECK_EQ(value.type, HIVE_DWORD);
    CHECK_EQ(b.data[hive_data_offset(&hive, &value)], 2);
    CHECK(!hive_string(&value, &s) && !hive_strings(&value, &at, &s));

    CHECK_EQ(hive_value_find(&hive, &key, "text", &value, &f), ERR_OK);
    CHECK(hive_string(&value, &s) && hive_string_is(s, "SHORT"));
    CHECK(!hive_number(&value, &n));

    CHECK_EQ(hive_value_find(&hive, &key, "List", &value, &f), ERR_OK);
    CHECK(hive_strings(&value, &at, &s) && hive_string_is(s, "one"));
    CHECK(hive_strings(&value, &at, &s) && hive_string_is(s, "two"));
    CHECK(hive_strings(&value, &at, &s) && hive_string_is(s, "three"));
    CHECK(!hive_strings(&value, &at, &s));

    CHECK_EQ(hive_value_find(&hive, &key, "Blob", &value, &f), ERR_OK);
    CHECK_EQ(value.data.size, 100);
    CHECK_EQ(value.data.data[99], 99);
    CHECK_EQ(hive_value_find(&hive, &key, "", &value, &f), ERR_OK);
    CHECK_EQ(value.data.size, 4);
    CHECK(hive_string(&value, &s) && s.count == 2);
    CHECK_EQ(hive_value_find(&hive, &key, "none", &value, &f), ERR_NOT_FOUND);
    CHECK_EQ(hive_value(&hive, &key, 5, &value, &f), ERR_NOT_FOUND);
}

TEST(hive_numbers_of_all_lengths)
{
    static const uint8_t data[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    uint64_t n;
    for (uint32_t size = 0; size < 10; size++) {
        struct hive_value v = {.type = HIVE_BINARY, .data = {data, size}};
        CHECK_EQ(hive_number(&v, &n), size >= 1 && size <= 8);
        if (size == 3)
            CHECK_EQ(n, 0x030201);
        v.type = HIVE_DWORD;
        CHECK_EQ(hive_number(&v, &n), size == 4);
        v.type = HIVE_QWORD;
        CHECK_EQ(hive_number(&v, &n), size == 8);
        v.type = HIVE_SZ;
        CHECK(!hive_number(&v, &n));
    }
}

TEST(hive_names_beyond_ascii)
{
    char text[16];
    struct text t;
    text_init(&t, text, sizeof text);
    hive_name_text(&t, (struct hive_name){(const uint8_t *)"\xe9", 1, true});
    hive_name_text(&t, (struct hive_name){(const uint8_t *)"\x2d\x4e", 1, false});
    CHECK_STR(text, "\xc3\xa9\xe4\xb8\xad");
    CHECK(!hive_name_is((struct hive_name){(const uint8_t *)"a\1", 1, false}, "a"));
}

TEST(hive_says_what_boot_managers_refuse)
{
    make("lf", false);
    b.data[0x40] ^= 1; /* the name it was made under */
    open_made();
    CHECK(hive.refused && strstr(hive.refused, "checksum"));
    make("lf", false);
    hb_header(&b)->sequence[1] = le32_make(8);
    hb_sum(&b);
    open_made();
    CHECK(hive.dirty && !hive.refused);
    CHECK_EQ(hive.sequence[0], 7);
    CHECK_EQ(hive.sequence[1], 8);
    make("lf", false);
    hb_header(&b)->length = le32_make(b.used);
    hb_sum(&b);
    open_made();
    CHECK(strstr(hive.refused, "multiple"));
    make("lf", false);
    hb_header(&b)->length = le32_make(0x7ffff000);
    hb_sum(&b);
    open_made();
    CHECK(strstr(hive.refused, "shorter"));
    make("lf", false);
    bytes.size += 4096; /* longer does no harm */
    open_made();
    CHECK(!hive.refused);
}

TEST(hive_that_is_none)
{
    make("lf", false);
    b.data[0] = 'x';
    CHECK_EQ(hive_open(&hive, bytes, &f), ERR_UNSUPPORTED);
    make("lf", false);
    hb_header(&b)->type = le32_make(1);
    CHECK_EQ(hive_open(&hive, bytes, &f), ERR_UNSUPPORTED);
    CHECK(says(&f, "log"));
    for (size_t size = 0; size < 4096; size += 511)
        CHECK_EQ(hive_open(&hive, (struct view){b.data, size}, &f), ERR_UNSUPPORTED);
    make("lf", false);
    CHECK_EQ(hive_open(&hive, (struct view){b.data, 4096}, &f), ERR_HIVE);
}

/* One byte or two of line ends go into the file at each LF: what text-mode transfers did. */
TEST(hive_with_line_ends_changed)
{
    static uint8_t text[2 * HB_MAX];
    size_t n = 0;
    make("lf", false);
    hb_header(&b)->root = le32_make(root_cell + 0x0a00);
    for (size_t i = 0; i < bytes.size; i++) {
        if (b.data[i] == '\n')
            text[n++] = '\r';
        text[n++] = b.data[i];
    }
    CHECK_EQ(hive_open(&hive, (struct view){text, n}, &f), ERR_HIVE);
}

TEST(hive_root_that_is_no_key)
{
    static const uint32_t bad[] = {HIVE_NO_CELL, 0, 0x21, 0x7ffffff8, 0xfffffff8, 0x80000000};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        make("lf", false);
        hb_header(&b)->root = le32_make(bad[i]);
        CHECK_EQ(hive_open(&hive, bytes, &f), ERR_HIVE);
    }
    make("lf", false);
    hb_header(&b)->root = le32_make(current_value);
    CHECK_EQ(hive_open(&hive, bytes, &f), ERR_HIVE);
}

TEST(hive_cells_of_bad_sizes)
{
    static const uint32_t bad[] = {
        0, 80, 0x80000000, (uint32_t)-4, (uint32_t)-81, (uint32_t) - (1 << 20)};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        make("lf", false);
        hb_put32(hb_at(&b, select_key) - 4, bad[i]);
        open_made();
        CHECK_EQ(hive_find(&hive, &root, "Select", &key, &f), ERR_HIVE);
        CHECK_EQ(hive_find(&hive, &root, "ControlSet002", &key, &f), ERR_OK);
    }
}

TEST(hive_damaged_values_fail_alone)
{
    struct hive_value_cell *v;
    make("lf", false);
    v = (struct hive_value_cell *)hb_at(&b, current_value);
    v->size = le32_make(HIVE_DATA_IN_CELL | 5);
    open_made();
    CHECK_EQ(hive_find(&hive, &root, "Select", &key, &f), ERR_OK);
    CHECK_EQ(hive_value_find(&hive, &key, "Current", &value, &f), ERR_HIVE);
    CHECK_EQ(hive_value_find(&hive, &key, "Text", &value, &f), ERR_OK);
    v->size = le32_make(5);
    v->data = le32_make(current_value + 4);
    CHECK_EQ(hive_value_find(&hive, &key, "Current", &value, &f), ERR_HIVE);
    v->data = le32_make(select_key);
    v->size = le32_make(0x7fffffff);
    CHECK_EQ(hive_value_find(&hive, &key, "Current", &value, &f), ERR_HIVE);
    v->size = le32_make(0);
    CHECK_EQ(hive_value_find(&hive, &key, "Current", &value, &f), ERR_OK);
    CHECK_EQ(value.data.size, 0);
    v->magic[0] = 'n';
    CHECK_EQ(hive_value_find(&hive, &key, "Current", &value, &f), ERR_HIVE);
    v->magic[0] = 'v';
    v->name_size = le16_make(0xffff);
    CHECK_EQ(hive_value_find(&hive, &key, "Current", &value, &f), ERR_HIVE);
}

TEST(hive_data_in_pieces_is_told)
{
    make("lf", false);
    uint32_t cell = hb_cell(&b, 8);
    struct hive_value_cell *v = (struct hive_value_cell *)hb_at(&b, current_value);
    memcpy(hb_at(&b, cell), "db", 2);
    v->size = le32_make(HIVE_DATA_MAX + 1);
    v->data = le32_make(cell);
    bytes = hb_finish(&b, root_cell);
    hb_header(&b)->minor = le32_make(4);
    open_made();
    CHECK_EQ(hive_find(&hive, &root, "Select", &key, &f), ERR_OK);
    CHECK_EQ(hive_value_find(&hive, &key, "Current", &value, &f), ERR_OK);
    CHECK(value.in_pieces && !value.data.size);
    CHECK_EQ(value.size, HIVE_DATA_MAX + 1);
    hb_header(&b)->minor = le32_make(3); /* before 1.4 there is no such thing */
    open_made();
    CHECK_EQ(hive_value_find(&hive, &key, "Current", &value, &f), ERR_HIVE);
}

TEST(hive_lists_that_lie)
{
    make("lf", false);
    struct hive_key_cell *k = (struct hive_key_cell *)hb_at(&b, services_key);
    struct hive_list_cell *l = (struct hive_list_cell *)hb_at(&b, le32_get(k->list));
    l->count = le16_make(0xffff); /* longer than its cell */
    open_made();
    CHECK_EQ(hive_find(&hive, &root, "ControlSet002\\Services", &key, &f), ERR_HIVE);
    l->count = le16_make(8);
    memcpy(l->magic, "rf", 2);
    CHECK_EQ(hive_find(&hive, &root, "ControlSet002\\Services", &key, &f), ERR_HIVE);
    memcpy(l->magic, "lf", 2);
    k->values = le32_make(2);
    k->value_list = le32_make(select_key + 8);
    CHECK_EQ(hive_find(&hive, &root, "ControlSet002\\Services", &key, &f), ERR_HIVE);
    k->value_list = k->list;
    k->values = le32_make(0x40000000);
    CHECK_EQ(hive_find(&hive, &root, "ControlSet002\\Services", &key, &f), ERR_HIVE);
}

/* A list of lists that names itself, and one that names the same list over and over. */
TEST(hive_lists_of_lists_end)
{
    uint32_t same[200];
    make("lf", false);
    struct hive_key_cell *k = (struct hive_key_cell *)hb_at(&b, services_key);
    uint32_t leaf = le32_get(k->list);
    uint32_t self = hb_list(&b, "ri", same, 1);
    hb_put32(hb_at(&b, self) + sizeof(struct hive_list_cell), self);
    for (unsigned i = 0; i < 200; i++)
        same[i] = leaf;
    uint32_t many = hb_list(&b, "ri", same, 200);
    bytes = hb_finish(&b, root_cell);
    open_made();
    k->list = le32_make(self);
    CHECK_EQ(hive_find(&hive, &root, "ControlSet002\\Services", &key, &f), ERR_HIVE);
    CHECK(says(&f, "too deep"));
    k->list = le32_make(many);
    CHECK_EQ(hive_find(&hive, &root, "ControlSet002\\Services", &key, &f), ERR_HIVE);
    CHECK(says(&f, "more keys than the hive"));
}

/* A key that is its own subkey: a walk ends when the steps are used up. */
TEST(hive_steps_run_out)
{
    make("lf", false);
    struct hive_key_cell *k = (struct hive_key_cell *)hb_at(&b, services_key);
    hb_put32(hb_at(&b, le32_get(k->list)) + sizeof(struct hive_list_cell), services_key);
    open_made();
    CHECK_EQ(hive_find(&hive, &root, "ControlSet002\\Services", &key, &f), ERR_OK);
    hive.steps_left = 1000;
    enum err err = ERR_OK;
    unsigned rounds = 0;
    for (; !err && rounds < 10000; rounds++)
        err = hive_subkey(&hive, &key, 0, &key, &f);
    CHECK_EQ(err, ERR_LIMIT);
    CHECK(rounds < 1000);
}

static uint8_t memory[2 * HB_MAX];

TEST(hive_load_reads_what_is_the_hives)
{
    struct arena a;
    struct piece_file file;
    make("lf", false);
    arena_init(&a, memory, sizeof memory);
    piece_file_init(&file, "\\BCD", 3 * HB_MAX, NULL, 0); /* far longer than its bins */
    piece_file_put(&file, 0, b.data, (uint32_t)bytes.size);
    CHECK_EQ(hive_load(&hive, &file.file, HB_MAX, &a, &f), ERR_OK);
    CHECK_EQ(hive.bytes.size, bytes.size);
    CHECK(!hive.refused);
    CHECK_EQ(hive_load(&hive, &file.file, 4096, &a, &f), ERR_LIMIT);
    CHECK(says(&f, "\\BCD: "));
    arena_init(&a, memory, 4096);
    CHECK_EQ(hive_load(&hive, &file.file, HB_MAX, &a, &f), ERR_MEMORY);
    arena_init(&a, memory, sizeof memory);
    file.file.size = bytes.size - 4096; /* cut off */
    if (file.file.size < 8192)
        file.file.size = 8191;
    enum err err = hive_load(&hive, &file.file, HB_MAX, &a, &f);
    CHECK(err == ERR_HIVE || hive.refused);
    file.file.size = 100;
    CHECK_EQ(hive_load(&hive, &file.file, HB_MAX, &a, &f), ERR_UNSUPPORTED);
    file.bad = 0;
    CHECK_EQ(hive_load(&hive, &file.file, HB_MAX, &a, &f), ERR_READ);
}
