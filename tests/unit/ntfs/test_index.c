/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Directories: index nodes, lookup, listing, paths.
 *
 * Long because lookup, listing and paths are asked about the same folders, built once here.
 */
#include "unit/ntfs_image.h"
#include "core/ntfs/index.h"
#include "core/ntfs/path.h"

#define FOLDER 30 /* the record that most tests look into: \d */
#define BLOCKS 8  /* of its index allocation */

static struct file file;
static uint8_t entries[4096];
static unsigned size;
static uint32_t block_size = 4096;

static void start(void)
{
    size = 0;
}

static void name(const char16_t *units, unsigned length, unsigned record, int64_t child)
{
    size += im_entry(entries + size, units, length, im_ref(record), 1, child);
}

static void last(int64_t child)
{
    size += im_last(entries + size, child);
}

/* A volume whose root has \d, with the collected entries in its root; blocks and files are free to
 * be filled. */
static struct image *folder(uint32_t cluster, bool large, unsigned bits)
{
    struct image *im = im_make(cluster, 1024);
    im_one_file(im, IM_NAME("d"));
    uint8_t *root = im_record(im, 5);
    im_unprotect(root, 1024);
    im_put(root + 0x48 + 32 + 32, 8, im_ref(FOLDER)); /* \d is record 30 */
    im_protect(root, 1024);

    uint8_t *r = im_begin(im, FOLDER, NTFS_RECORD_DIRECTORY);
    im_root(r, entries, size, block_size, large);
    if (large) {
        uint8_t bitmap[8] = {(uint8_t)bits};
        im_run(im, r, NTFS_ATTR_INDEX_ALLOCATION, IM_NAME("$I30"), IM_FREE_BYTE,
               BLOCKS * block_size);
        im_resident(r, NTFS_ATTR_BITMAP, IM_NAME("$I30"), bitmap, sizeof bitmap);
    }
    im_seal(im, r);
    for (unsigned n = 40; n < 50; n++) {
        r = im_begin(im, n, 0);
        char text[2] = {(char)('0' + n - 40), 0};
        im_resident(r, NTFS_ATTR_DATA, IM_NAME(""), text, 1);
        im_seal(im, r);
    }
    return im;
}

static uint8_t *block_at(struct image *im, unsigned block)
{
    return im->data + IM_FREE_BYTE + block * block_size;
}

static void put_block(struct image *im, unsigned block, uint64_t vcn)
{
    im_block(block_at(im, block), block_size, vcn, entries, size);
}

/* The digit in the file that `path` leads to; '!' with the reason in im->f. */
static char look(struct image *im, const char *path)
{
    CHECK_EQ(im_mount(im), ERR_OK);
    size_t mark = arena_mark(&im->arena);
    char c = '!';
    if (!ntfs_open(&im->vol, path, &file, &im->f))
        CHECK_EQ(file_read(&file, 0, &c, 1, &im->f), ERR_OK);
    else
        CHECK_EQ(arena_mark(&im->arena), mark);
    return c;
}

#define CHECK_NONE(image_, path, code, words)                                                      \
    do {                                                                                           \
        struct image *none = (image_);                                                             \
        CHECK_EQ(look(none, path), '!');                                                           \
        CHECK_FAIL(none, none->f.err, code, words);                                                \
    } while (0)

/* \d: b, d, f in the root node; a, c, e, g in blocks 0..3. */
static struct image *tree(uint32_t cluster)
{
    unsigned unit = block_size >= cluster ? block_size / cluster : block_size / 512;
    start();
    name(IM_NAME("b"), 41, 0);
    name(IM_NAME("d"), 43, 1 * unit);
    name(IM_NAME("f"), 45, 2 * unit);
    last(3 * unit);
    struct image *im = folder(cluster, true, 0x0f);
    static const char16_t *const leaf[] = {u"a", u"c", u"e", u"g"};
    for (unsigned i = 0; i < 4; i++) {
        start();
        name(leaf[i], 1, 40 + 2 * i, -1);
        last(-1);
        put_block(im, i, (uint64_t)i * unit);
    }
    return im;
}

TEST(index_small)
{
    start();
    name(IM_NAME("Alpha"), 40, -1);
    name(IM_NAME("beta"), 41, -1);
    name(IM_NAME("\xe4"), 42, -1);
    last(-1);
    struct image *im = folder(1024, false, 0);
    CHECK_EQ(look(im, "\\d\\alpha"), '0');
    CHECK_STR(file.path, "\\d\\Alpha");
    CHECK_EQ(look(im, "/D/BETA"), '1');
    CHECK_EQ(look(im, "d//.//./\xc3\x84"), '2');
    CHECK_STR(file.path, "\\d\\\xc3\xa4");
    CHECK_EQ(look(im, "/d/../../d/../D/beta"), '1');
    CHECK_NONE(im, "\\d\\gamma", ERR_NOT_FOUND, "no such file");
    CHECK_NONE(im, "\\d\\alph", ERR_NOT_FOUND, "no such file");
    CHECK_NONE(im, "\\d\\beta\\x", ERR_NOT_FOUND, "a file, not a folder");
    CHECK_NONE(im, "\\d", ERR_NOT_FOUND, "this is a folder");
    CHECK_NONE(im, "", ERR_NOT_FOUND, "this is a folder");
    CHECK_NONE(im, "\\d\\\xff", ERR_NOT_FOUND, "no valid name");
}

TEST(index_tree)
{
    static const uint32_t clusters[] = {512, 1024, 4096, 8192};
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g"};
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned n = 0; n < 7; n++) {
            char path[8] = "\\d\\";
            strcat(path, names[n]);
            struct image *im = tree(clusters[i]);
            CHECK_EQ(look(im, path), '0' + n);
            CHECK(!im_noted(im, "out of order"));
        }
        CHECK_NONE(tree(clusters[i]), "\\d\\h", ERR_NOT_FOUND, "no such file");
    }
}

TEST(index_block_sizes)
{
    for (block_size = 512; block_size <= 65536; block_size *= 2) {
        struct image *im = tree(1024);
        CHECK_EQ(look(im, "/d/e"), '4');
    }
    block_size = 4096;
}

struct seen {
    char names[16];
    unsigned count, most;
};

static bool collect(void *ctx, const struct ntfs_dirent *entry)
{
    struct seen *s = ctx;
    s->names[s->count++] = entry->name[0];
    return s->count < s->most;
}

static enum err list_folder(struct image *im, const char *path, struct seen *s, unsigned most)
{
    *s = (struct seen){.most = most};
    CHECK_EQ(im_mount(im), ERR_OK);
    size_t mark = arena_mark(&im->arena);
    enum err err = ntfs_list(&im->vol, path, collect, s, &im->f);
    CHECK_EQ(arena_mark(&im->arena), mark);
    return err;
}

TEST(index_list)
{
    struct seen s;
    struct image *im = tree(1024);
    CHECK_EQ(list_folder(im, "/d", &s, 16), ERR_OK);
    CHECK_STR(s.names, "abcdefg");
    CHECK_EQ(list_folder(im, "/d", &s, 3), ERR_OK);
    CHECK_STR(s.names, "abc");
    CHECK_FAIL(im, list_folder(im, "/d/a", &s, 3), ERR_NOT_FOUND, "a file, not a folder");
    CHECK_FAIL(im, list_folder(im, "/x", &s, 3), ERR_NOT_FOUND, "no such file");
    CHECK_STR(im->f.subject, "/x");
    block_at(im, 1)[0] = 'X';
    CHECK_FAIL(im, list_folder(im, "/d", &s, 16), ERR_CORRUPT, "INDX");

    size_t used;
    im = tree(1024);
    CHECK_EQ(im_mount(im), ERR_OK);
    used = arena_mark(&im->arena);
    for (size_t more = 0;; more += 256) {
        CHECK(more < 1 << 17);
        im->arena.size = used + more;
        s = (struct seen){.most = 16};
        if (!ntfs_list(&im->vol, "/d", collect, &s, &im->f))
            break;
        CHECK_EQ(im->f.err, ERR_MEMORY);
    }
}

TEST(index_list_hides_what_is_not_the_users)
{
    struct seen s;
    start();
    name(IM_NAME("$MFT"), 0, -1);
    name(IM_NAME("."), 5, -1);
    size += im_entry(entries + size, IM_NAME("EIGHT~1"), im_ref(40), 2, -1);
    name(IM_NAME("eight dot three"), 40, -1);
    name(IM_NAME("old"), 20, -1);
    last(-1);
    struct image *im = folder(1024, false, 0);
    CHECK_EQ(list_folder(im, "/d", &s, 16), ERR_OK);
    CHECK_STR(s.names, "eo");
    CHECK_EQ(look(im, "/d/eight~1"), '0');
}

TEST(index_case_twins)
{
    start();
    name(IM_NAME("TWIN"), 40, -1);
    name(IM_NAME("Twin"), 41, -1);
    name(IM_NAME("twin"), 42, -1);
    name(IM_NAME("Uno"), 43, -1);
    size += im_entry(entries + size, IM_NAME("uno"), im_ref(43), 2, -1);
    last(-1);
    struct image *im = folder(1024, false, 0);
    CHECK_EQ(look(im, "/d/TWIN"), '0');
    CHECK_EQ(look(im, "/d/Twin"), '1');
    CHECK_EQ(look(im, "/d/twin"), '2');
    CHECK_NONE(im, "/d/tWIN", ERR_NOT_FOUND, "differ only in case");
    CHECK_EQ(look(im, "/d/UNO"), '3'); /* two names of one file */
}

TEST(index_out_of_order)
{
    start();
    name(IM_NAME("c"), 42, -1);
    name(IM_NAME("a"), 40, -1);
    name(IM_NAME("b"), 41, -1);
    last(-1);
    struct image *im = folder(1024, false, 0);
    CHECK_EQ(look(im, "/d/a"), '0');
    CHECK(im_noted(im, "out of order"));
    CHECK_EQ(look(im, "/d/b"), '1');
    CHECK_NONE(im, "/d/x", ERR_NOT_FOUND, "no such file");
    struct seen s;
    CHECK_EQ(list_folder(im, "/d", &s, 16), ERR_OK);
    CHECK_STR(s.names, "cab");
    CHECK(im_noted(im, "out of order"));

    /* in order by themselves, but not under their parent */
    im = tree(1024);
    start();
    name(IM_NAME("x"), 49, -1);
    last(-1);
    put_block(im, 1, 4);
    CHECK_EQ(look(im, "/d/x"), '9');
    CHECK(im_noted(im, "out of order"));
    im = tree(1024);
    start();
    name(IM_NAME("0"), 48, -1);
    last(-1);
    put_block(im, 3, 12);
    CHECK_EQ(look(im, "/d/0"), '8');
    block_at(im, 2)[0] = 'X';
    CHECK_NONE(im, "/d/0", ERR_CORRUPT, "INDX");
}

TEST(index_empty_leaf)
{
    struct image *im = tree(1024);
    start();
    last(-1);
    put_block(im, 1, 4);
    CHECK_EQ(look(im, "/d/d"), '3');
    CHECK_NONE(im, "/d/c", ERR_NOT_FOUND, "no such file");
}

/* The tree with one field of block 1 changed. */
static void damage(unsigned off, unsigned bytes, uint64_t value, const char *words)
{
    struct image *im = tree(1024);
    uint8_t *b = block_at(im, 1);
    im_unprotect(b, 4096);
    im_put(b + off, bytes, value);
    im_protect(b, 4096);
    CHECK_NONE(im, "/d/c", ERR_CORRUPT, words);
}

TEST(index_block_damaged)
{
    const unsigned entry = 24 + 0x28;
    damage(0, 4, 0, "INDX");
    damage(16, 8, 5, "another one");
    damage(24, 4, 8, "header out of its bounds");
    damage(24, 4, 0x2c, "header out of its bounds");
    damage(24, 4, 0x1000, "header out of its bounds");
    damage(28, 4, 0x2000, "header out of its bounds");
    damage(28, 4, 0x28, "header out of its bounds");
    damage(28, 4, 0x30, "entry out of its bounds");
    damage(32, 4, 4096, "wrong size");
    damage(entry + 8, 2, 0, "entry out of its bounds");
    damage(entry + 8, 2, 90, "entry out of its bounds");
    damage(entry + 8, 2, 0x800, "entry out of its bounds");
    damage(entry + 10, 2, 65, "entry out of its bounds");
    damage(entry + 10, 2, 73, "entry out of its bounds");
    damage(entry + 80, 1, 0, "entry out of its bounds");
    damage(entry + 80, 1, 2, "entry out of its bounds");

    struct image *im = tree(1024);
    block_at(im, 1)[1022] ^= 1;
    CHECK_NONE(im, "/d/c", ERR_CORRUPT, "torn");
    block_at(im, 1)[4] = 0x20;
    CHECK_NONE(im, "/d/c", ERR_CORRUPT, "misplaced");
}

/* A root whose only child is `vcn`. */
static struct image *child(uint64_t vcn, unsigned bits)
{
    start();
    last((int64_t)vcn);
    return folder(1024, true, bits);
}

TEST(index_children)
{
    CHECK_NONE(child(4 * BLOCKS, 0xff), "/d/a", ERR_CORRUPT, "outside itself");
    CHECK_NONE(child(1, 0xff), "/d/a", ERR_CORRUPT, "outside itself");
    CHECK_NONE(child((1ull << 62) + 1, 0xff), "/d/a", ERR_CORRUPT, "outside itself");
    CHECK_NONE(child(4, 0xfd), "/d/a", ERR_CORRUPT, "free block");

    struct image *im = child(0, 0xff);
    start();
    last(0);
    put_block(im, 0, 0); /* its own child */
    CHECK_NONE(im, "/d/a", ERR_CORRUPT, "circle");
    im = child(0, 0xff);
    uint8_t *r = im_record(im, FOLDER); /* a bitmap that is too short for block 0 */
    im_unprotect(r, 1024);
    uint32_t at = (uint32_t)im_get(r + 24, 4) - 8 - 40;
    CHECK_EQ(im_get(r + at, 4), NTFS_ATTR_BITMAP);
    im_put(r + at + 16, 4, 0);
    im_protect(r, 1024);
    CHECK_NONE(im, "/d/a", ERR_CORRUPT, "free block");
}

TEST(index_too_deep)
{
    block_size = 512;
    struct image *im = child(0, 0xff);
    uint8_t *r = im_record(im, FOLDER);
    im_unprotect(r, 1024);
    uint32_t at = (uint32_t)im_get(r + 24, 4) - 8 - 40;
    memset(r + at + 32, 0xff, 8);
    uint32_t alloc = at - 96;
    CHECK_EQ(im_get(r + alloc, 4), NTFS_ATTR_INDEX_ALLOCATION);
    uint32_t pairs = alloc + (uint32_t)im_get(r + alloc + 32, 2);
    im_put(r + pairs + 1, 4, 16);
    im_put(r + alloc + 24, 8, 15);
    for (unsigned i = 40; i < 64; i += 8)
        im_put(r + alloc + i, 8, 16384);
    im_protect(r, 1024);
    for (unsigned i = 0; i < 20; i++) {
        start();
        last(i + 1);
        put_block(im, i, i);
    }
    CHECK_NONE(im, "/d/a", ERR_CORRUPT, "deeper");
    block_size = 4096;
}

TEST(index_root_damaged)
{
    static const struct {
        unsigned off, bytes;
        uint64_t value;
        const char *words;
    } bad[] = {
        {0, 4, 0x50, "not sorted by name"},
        {4, 4, 2, "not sorted by name"},
        {8, 4, 3000, "blocks of"},
        {8, 4, 256, "blocks of"},
        {8, 4, 131072, "blocks of"},
        {16, 4, 8, "header out of its bounds"},
        {20, 4, 2000, "header out of its bounds"},
        {24, 4, 2000, "header out of its bounds"},
        {32 + 12, 2, 0, "entry out of its bounds"},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        start();
        last(-1);
        struct image *im = folder(1024, false, 0);
        uint8_t *r = im_record(im, FOLDER);
        im_unprotect(r, 1024);
        im_put(r + 0x48 + 32 + bad[i].off, bad[i].bytes, bad[i].value);
        im_protect(r, 1024);
        CHECK_NONE(im, "/d/a", ERR_CORRUPT, bad[i].words);
    }
}

TEST(index_attributes_damaged)
{
    struct image *im = folder(1024, false, 0);
    uint8_t *r = im_begin(im, FOLDER, NTFS_RECORD_DIRECTORY);
    im_seal(im, r);
    CHECK_NONE(im, "/d/a", ERR_CORRUPT, "has no index");
    r = im_begin(im, FOLDER, NTFS_RECORD_DIRECTORY);
    im_resident(r, NTFS_ATTR_INDEX_ROOT, IM_NAME("$I30"), "short", 5);
    im_seal(im, r);
    CHECK_NONE(im, "/d/a", ERR_CORRUPT, "index root has");
    start();
    last(-1);
    r = im_begin(im, FOLDER, NTFS_RECORD_DIRECTORY);
    im_root(r, entries, size, 4096, false);
    im_resident(r, NTFS_ATTR_INDEX_ALLOCATION, IM_NAME("$I30"), "x", 1);
    im_seal(im, r);
    CHECK_NONE(im, "/d/a", ERR_CORRUPT, "are resident");
    r = im_begin(im, FOLDER, NTFS_RECORD_DIRECTORY);
    im_root(r, entries, size, 4096, false);
    uint8_t *a = im_run(im, r, NTFS_ATTR_INDEX_ALLOCATION, IM_NAME("$I30"), IM_FREE_BYTE, 4096);
    im_put(a + 12, 2, NTFS_FLAG_ENCRYPTED);
    im_seal(im, r);
    CHECK_NONE(im, "/d/a", ERR_CORRUPT, "index is encrypted");
}

TEST(index_scan_has_a_limit)
{
    struct image *im = tree(1024);
    start();
    name(IM_NAME("x"), 49, -1);
    last(-1);
    put_block(im, 1, 4);
    uint8_t *r = im_record(im, FOLDER);
    im_unprotect(r, 1024);
    uint32_t at = (uint32_t)im_get(r + 24, 4) - 8 - 40 - 96;
    CHECK_EQ(im_get(r + at, 4), NTFS_ATTR_INDEX_ALLOCATION);
    const uint64_t bytes = (uint64_t)1 << 36; /* a few real blocks, then a hole */
    static const uint8_t pairs[] = {0x21, 0x20, 0x00, 0x04, 0x04, 0xe0, 0xff, 0xff, 0x03, 0};
    memcpy(r + at + im_get(r + at + 32, 2), pairs, sizeof pairs);
    im_put(r + at + 24, 8, (bytes >> 10) - 1);
    for (unsigned i = 40; i < 64; i += 8)
        im_put(r + at + i, 8, bytes);
    im_protect(r, 1024);
    CHECK_NONE(im, "/d/cc", ERR_LIMIT, "out of order");
    CHECK_EQ(look(im, "/d/e"), '4'); /* by descent */
}

TEST(path_names)
{
    uint8_t units[510], length;
    char long_name[300];
    CHECK(ntfs_units_from_utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 10, units, &length));
    CHECK_EQ(length, 5);
    CHECK(!memcmp(units, u"a\xe4\x20ac\xd83d\xde00", 10));
    CHECK(ntfs_units_from_utf8("\xed\xa0\x80", 3, units, &length)); /* a lone surrogate */
    CHECK(length == 1 && im_get(units, 2) == 0xd800);
    static const char *const bad[] = {"\x80",
                                      "\xc0\xaf",
                                      "\xc3",
                                      "\xc3(",
                                      "\xe0\x80\xaf",
                                      "\xf0\x80\x80\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf8\x88\x80\x80\x80"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!ntfs_units_from_utf8(bad[i], strlen(bad[i]), units, &length));
    CHECK(!ntfs_units_from_utf8("a\0b", 3, units, &length));
    memset(long_name, 'x', sizeof long_name);
    CHECK(ntfs_units_from_utf8(long_name, 255, units, &length));
    CHECK(!ntfs_units_from_utf8(long_name, 256, units, &length));
    memcpy(long_name + 254, "\xf0\x9f\x98\x80", 4);
    CHECK(!ntfs_units_from_utf8(long_name, 258, units, &length));
}

TEST(path_depth)
{
    start();
    name(IM_NAME("d"), FOLDER, -1); /* a folder in itself */
    name(IM_NAME("f"), 41, -1);
    last(-1);
    struct image *im = folder(1024, false, 0);
    static char path[2 * (NTFS_PATH_DEPTH + 8)];
    path[0] = '\0';
    for (unsigned i = 0; i < NTFS_PATH_DEPTH - 1; i++)
        strcat(path, "/d");
    CHECK_NONE(im, path, ERR_NOT_FOUND, "this is a folder");
    strcat(path, "/f");
    CHECK_EQ(look(im, path), '1');
    strcat(path, "/f");
    CHECK_NONE(im, path, ERR_LIMIT, "folders");

    CHECK_EQ(im_mount(im), ERR_OK);
    im->arena.size = arena_mark(&im->arena) + 2048;
    CHECK_FAIL(im, ntfs_open(&im->vol, "/d", &file, &im->f), ERR_MEMORY, "no memory for a path");
}

TEST(folder_that_is_a_junction)
{
    start();
    last(-1);
    struct seen s;
    struct image *im = folder(1024, false, 0);
    uint8_t *r = im_begin(im, FOLDER, NTFS_RECORD_DIRECTORY);
    im_root(r, entries, size, 4096, false);
    im_resident(r, NTFS_ATTR_REPARSE_POINT, IM_NAME(""), "\3\0\0\xa0\0\0\0\0", 8);
    im_seal(im, r);
    CHECK_NONE(im, "/d/a", ERR_REPARSE, "junction");
    CHECK_FAIL(im, list_folder(im, "/d", &s, 3), ERR_REPARSE, "junction");
}
