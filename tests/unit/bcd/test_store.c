/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A boot store as a menu: whole, with parts missing, with parts that make no sense. */
#include "core/bcd/store.h"
#include "core/bcd/format.h"
#include "core/base/arena.h"
#include "core/base/text.h"
#include "unit/bcd_builder.h"
#include "unit/fakes.h"

#define FIRST  "{11111111-1111-1111-1111-111111111111}"
#define SECOND "{22222222-2222-2222-2222-22222222abcd}"
#define PLAIN  "{33333333-3333-3333-3333-333333333333}"
#define MEMORY "{b2721d73-1db4-4c62-bf78-c548a880142d}"
#define NONE   "{44444444-4444-4444-4444-444444444444}"

static struct hive_builder b;
static struct device_builder d;
static struct bcd store;
static struct fail f;
static uint8_t memory[2 * HB_MAX];
static struct piece_file file;

static uint32_t elements[16], element_count;

static void element(const char *digits, uint32_t type, const void *data, uint32_t size)
{
    uint32_t v = hb_value(&b, "Element", type, data, size);
    elements[element_count++] = hb_key(&b, digits, NULL, 0, &v, 1);
}

static void element_text(const char *digits, uint32_t type, const char *text)
{
    uint32_t v = hb_text(&b, "Element", type, text);
    elements[element_count++] = hb_key(&b, digits, NULL, 0, &v, 1);
}

static uint32_t object(const char *id, uint32_t type)
{
    uint32_t v = hb_dword(&b, "Type", type);
    const uint32_t keys[] = {hb_key(&b, "Description", NULL, 0, &v, 1),
                             hb_key(&b, "Elements", elements, element_count, NULL, 0)};
    element_count = 0;
    return hb_key(&b, id, keys, 2, NULL, 0);
}

static uint32_t loader(const char *id, const char *title, const char *digits)
{
    if (title)
        element_text(BCD_TITLE, HIVE_SZ, title);
    element(digits, HIVE_BINARY, d.data, d.used);
    return object(id, BCD_TYPE_LOADER);
}

/* What the store of a test is to have. */
static struct {
    const char *order, *standard;
    uint32_t timeout_bytes;
    bool no_manager;
} want;

static void make(void)
{
    static const uint8_t timeout[8] = {30};
    uint32_t objects[8], n = 0;
    hb_start(&b);
    db_vhd(&d, DB_MBR, "\\VM\\Win7.vhd");
    objects[n++] = loader(FIRST, "Windows 7|junk", BCD_OS_DEVICE);
    db_start(&d, 0);
    db_qualified(&d, DB_BOOT, "\\b.vhdx");
    objects[n++] = loader(SECOND, NULL, BCD_DEVICE);
    db_start(&d, 0);
    db_mbr(&d, 1, 2);
    objects[n++] = loader(PLAIN, "Not in a file", BCD_OS_DEVICE);
    element_text(BCD_TITLE, HIVE_SZ, "Memory test");
    objects[n++] = object(MEMORY, 0x10200005);
    if (want.order)
        element_text(BCD_ORDER, HIVE_MULTI_SZ, want.order);
    if (want.standard)
        element_text(BCD_DEFAULT, HIVE_SZ, want.standard);
    if (want.timeout_bytes)
        element(BCD_TIMEOUT, HIVE_BINARY, timeout, want.timeout_bytes);
    if (!want.no_manager)
        objects[n++] = object("{9DEA862C-5CDD-4E70-ACC1-F32B344D4795}", 0x10100002);
    element_count = 0;
    const uint32_t top = hb_key(&b, "Objects", objects, n, NULL, 0);
    uint32_t root = hb_key(&b, "NewStoreRoot", &top, 1, NULL, 0);
    struct view bytes = hb_finish(&b, root);
    piece_file_init(&file, "\\Boot\\BCD", bytes.size, NULL, 0);
    piece_file_put(&file, 0, bytes.data, (uint32_t)bytes.size);
}

static void load(void)
{
    struct arena a;
    make();
    arena_init(&a, memory, sizeof memory);
    CHECK_EQ(bcd_load(&store, &file.file, &a, &f), ERR_OK);
}

TEST(store_menu)
{
    struct bcd_entry entry;
    uint32_t at = 0, seconds;
    char id[BCD_ID_SIZE];
    want.order = MEMORY "|" FIRST "|rubbish|" NONE "|" PLAIN "|" FIRST
                        "|{22222222-2222-2222-2222-22222222ABCD}|";
    want.standard = "{22222222-2222-2222-2222-22222222ABCD}";
    want.timeout_bytes = 8;
    load();
    CHECK(bcd_next(&store, &at, &entry));
    CHECK_STR(entry.id, FIRST);
    CHECK(hive_string_is(entry.title, "Windows 7"));
    CHECK(hive_string_is(entry.image->path, "\\VM\\Win7.vhd"));
    CHECK_EQ(entry.image[1].kind, BCD_PARTITION);
    CHECK(bcd_next(&store, &at, &entry));
    CHECK_STR(entry.id, SECOND);
    CHECK_EQ(entry.title.count, 0);
    CHECK(hive_string_is(entry.image->path, "\\b.vhdx"));
    CHECK(!bcd_next(&store, &at, &entry));
    CHECK(!bcd_next(&store, &at, &entry));
    CHECK(bcd_default(&store, id));
    CHECK_STR(id, SECOND);
    CHECK(bcd_timeout(&store, &seconds));
    CHECK_EQ(seconds, 30);
}

TEST(store_timeouts)
{
    uint32_t seconds;
    for (uint32_t bytes = 0; bytes <= 8; bytes++) {
        want.timeout_bytes = bytes;
        load();
        CHECK_EQ(bcd_timeout(&store, &seconds), bytes != 0);
        if (bytes)
            CHECK_EQ(seconds, 30);
    }
}

TEST(store_without_parts)
{
    struct bcd_entry entry;
    uint32_t at = 0, seconds;
    char id[BCD_ID_SIZE];
    memset(&want, 0, sizeof want);
    load(); /* no order, no default, no timeout */
    CHECK(!bcd_next(&store, &at, &entry) && !bcd_default(&store, id));
    CHECK(!bcd_timeout(&store, &seconds));
    want.no_manager = true;
    load();
    CHECK(!bcd_next(&store, &at, &entry) && !bcd_default(&store, id));
    want.no_manager = false;
    want.order = "|";
    want.standard = "{}";
    load();
    CHECK(!bcd_next(&store, &at, &entry) && !bcd_default(&store, id));
}

/* A hive that is no store; and a store with any one byte of its cells changed does no harm. */
TEST(store_that_is_none)
{
    struct arena a;
    hb_start(&b);
    struct view bytes = hb_finish(&b, hb_key(&b, "ROOT", NULL, 0, NULL, 0));
    piece_file_init(&file, "\\Boot\\BCD", bytes.size, NULL, 0);
    piece_file_put(&file, 0, bytes.data, (uint32_t)bytes.size);
    arena_init(&a, memory, sizeof memory);
    CHECK_EQ(bcd_load(&store, &file.file, &a, &f), ERR_HIVE);
    CHECK(says(&f, "\\Boot\\BCD: this is no boot store"));
    arena_init(&a, memory, 1024);
    CHECK_EQ(bcd_load(&store, &file.file, &a, &f), ERR_MEMORY);
}

TEST(store_with_bytes_changed)
{
    memset(&want, 0, sizeof want);
    want.order = FIRST "|" SECOND "|";
    make();
    for (uint32_t at = 4096; at < 4096 + b.used; at++) {
        struct bcd_entry entry;
        struct arena a;
        uint32_t place = 0, seconds, rounds = 0;
        char id[BCD_ID_SIZE];
        b.data[at] ^= 0x81;
        arena_init(&a, memory, sizeof memory);
        if (!bcd_load(&store, &file.file, &a, &f)) {
            while (bcd_next(&store, &place, &entry))
                CHECK(++rounds <= 2 && entry.image);
            (void)bcd_default(&store, id);
            (void)bcd_timeout(&store, &seconds);
        }
        b.data[at] ^= 0x81;
    }
}
