/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files: attributes and their lists, reading, extents, compression, reparse points. */
#include "unit/ntfs_image.h"
#include "core/ntfs/file.h"

static struct file file;
static uint8_t buf[1 << 18];

/* A volume with the one file \f, record 24, begun. */
static uint8_t *one_file(struct image **im, uint32_t cluster)
{
    *im = im_make(cluster, 1024);
    im_one_file(*im, IM_NAME("f"));
    for (unsigned i = 0; i < IM_BYTES - IM_FREE_BYTE; i += 4)
        im_put((*im)->data + IM_FREE_BYTE + i, 4, 0x80000000u + i);
    return im_begin(*im, 24, 0);
}

static enum err open_it(struct image *im)
{
    CHECK_EQ(im_mount(im), ERR_OK);
    size_t mark = arena_mark(&im->arena);
    enum err err = ntfs_open(&im->vol, "f", &file, &im->f);
    CHECK(!err || arena_mark(&im->arena) == mark);
    if (err)
        CHECK_STR(im->f.subject, "f");
    return err;
}

static enum err seal_and_open(struct image *im, uint8_t *r)
{
    im_seal(im, r);
    return open_it(im);
}

/* The file as given by mapping pairs. */
static enum err with_pairs(struct image **im, const void *pairs, unsigned size, uint64_t clusters,
                           uint64_t bytes, uint64_t initialized, unsigned flags)
{
    uint8_t *r = one_file(im, 1024);
    uint8_t *a =
        im_nonresident(r, NTFS_ATTR_DATA, IM_NAME(""), pairs, size, 0, clusters, bytes, 1024);
    im_put(a + 12, 2, flags);
    a[34] = flags & 0xff ? 4 : 0;
    im_put(a + 56, 8, initialized);
    return seal_and_open(*im, r);
}

TEST(file_resident)
{
    struct image *im;
    uint8_t *r = one_file(&im, 1024);
    im_resident(r, NTFS_ATTR_DATA, IM_NAME(""), "hello", 5);
    CHECK_EQ(seal_and_open(im, r), ERR_OK);
    CHECK_EQ(file.size, 5);
    CHECK_STR(file.path, "\\f");
    CHECK_EQ(file_read(&file, 1, buf, 4, &im->f), ERR_OK);
    CHECK(!memcmp(buf, "ello", 4));
    CHECK_EQ(file_read(&file, 1, buf, 5, &im->f), ERR_IMAGE);
    struct extent_list list;
    CHECK_EQ(file_extents(&file, &list, &im->arena, &im->f), ERR_RESIDENT);

    r = one_file(&im, 1024);
    im_resident(r, NTFS_ATTR_DATA, IM_NAME(""), "", 0);
    CHECK_EQ(seal_and_open(im, r), ERR_OK);
    CHECK_EQ(file_extents(&file, &list, &im->arena, &im->f), ERR_OK);
    CHECK_EQ(list.count, 0);
}

TEST(file_runs)
{
    /* 8 clusters at 1 MiB + 8 KiB, 8 of a hole, 8 at 1 MiB */
    struct image *im;
    struct extent_list list;
    CHECK_EQ(with_pairs(&im, "\x21\x08\x08\x04\x01\x08\x11\x08\xf8", 10, 24, 24000, 24000,
                        NTFS_FLAG_SPARSE),
             ERR_OK);
    CHECK_EQ(file_read(&file, 0, buf, 24000, &im->f), ERR_OK);
    CHECK_EQ(im_get(buf, 4), 0x80002000u);
    CHECK_EQ(im_get(buf + 8191 - 3, 4), 0x80003ffcu);
    CHECK(!buf[8192] && !buf[16383]);
    CHECK_EQ(im_get(buf + 16384, 4), 0x80000000u);
    CHECK_EQ(file_read(&file, 8190, buf, 4, &im->f), ERR_OK);
    CHECK(buf[0] == 0 && buf[1] == 0x80 && !buf[2] && !buf[3]);
    CHECK_EQ(file_read(&file, 511, buf, 1026, &im->f), ERR_OK);
    CHECK_EQ(im_get(buf + 1, 4), 0x80002200u);

    CHECK_EQ(file_extents(&file, &list, &im->arena, &im->f), ERR_OK);
    CHECK_EQ(list.count, 3);
    CHECK(list.extent[0].drive_lba == 2064 && list.extent[0].count == 16);
    CHECK(list.extent[1].drive_lba == EXTENT_HOLE && list.extent[1].count == 16);
    CHECK(list.extent[2].drive_lba == 2048 && list.extent[2].count == 15);
    CHECK_EQ(file_writable_in_place(&file, &list, &im->f), ERR_SPARSE);

    struct arena small;
    arena_init(&small, buf, 16);
    CHECK_FAIL(im, file_extents(&file, &list, &small, &im->f), ERR_MEMORY, "no memory to sort");
    im->bad_lba = 2064;
    im_forget(im);
    CHECK_EQ(file_read(&file, 0, buf, 512, &im->f), ERR_READ);
    CHECK_EQ(file_read(&file, 1, buf, 2, &im->f), ERR_READ);
}

TEST(file_extents_memory)
{
    struct image *im;
    struct extent_list list;
    static const uint8_t pairs[] = {0x21, 1, 0, 4,    0x11, 1, 2,    0x11, 1, 2,    0x11, 1, 2,
                                    0x11, 1, 2, 0x11, 1,    2, 0x11, 1,    2, 0x11, 1,    2, 0};
    struct arena small;
    CHECK_EQ(with_pairs(&im, pairs, sizeof pairs, 8, 8192, 8192, 0), ERR_OK);
    arena_init(&small, buf, 16 * 10);
    CHECK_FAIL(im, file_extents(&file, &list, &small, &im->f), ERR_MEMORY,
               "no memory for the list");
    arena_init(&small, buf, 24 * 8);
    CHECK_EQ(file_extents(&file, &list, &small, &im->f), ERR_OK);
    CHECK_EQ(extent_fragments(&list), 8);
}

TEST(file_initialized_size)
{
    struct image *im;
    struct extent_list list;
    CHECK_EQ(with_pairs(&im, "\x21\x10\x00\x04", 5, 16, 16000, 1024, 0), ERR_OK);
    CHECK_EQ(file_read(&file, 0, buf, 16000, &im->f), ERR_OK);
    CHECK(buf[1023] && !buf[1024] && !buf[15999]);
    CHECK_EQ(file_extents(&file, &list, &im->arena, &im->f), ERR_OK);
    CHECK_EQ(list.count, 2);
    CHECK(list.extent[0].count == 2 && list.extent[1].drive_lba == EXTENT_HOLE);
    CHECK_EQ(list.extent[1].count, 30);
    CHECK_EQ(file_writable_in_place(&file, &list, &im->f), ERR_UNINIT);

    CHECK_EQ(with_pairs(&im, "\x21\x10\x00\x04", 5, 16, 16000, 1000, 0), ERR_OK);
    CHECK_FAIL(im, file_extents(&file, &list, &im->arena, &im->f), ERR_UNINIT, "old contents");
    memset(im->data + IM_FREE_BYTE + 1000, 0, 24);
    im_forget(im);
    CHECK_EQ(file_extents(&file, &list, &im->arena, &im->f), ERR_OK);
    CHECK_EQ(list.extent[0].count, 2);

    /* the border lies in a run with more behind it: one hole, not two */
    CHECK_EQ(with_pairs(&im, "\x21\x08\x00\x04\x01\x08\x11\x08\x10", 10, 24, 24576, 512,
                        NTFS_FLAG_SPARSE),
             ERR_OK);
    CHECK_EQ(file_extents(&file, &list, &im->arena, &im->f), ERR_OK);
    CHECK_EQ(list.count, 2);
    CHECK_EQ(list.extent[1].count, 47);
}

TEST(file_preallocated_and_large)
{
    struct image *im;
    struct extent_list list;
    CHECK_EQ(with_pairs(&im, "\x21\x08\x00\x04\x11\x08\x10", 8, 16, 100, 100, 0), ERR_OK);
    CHECK_EQ(file_extents(&file, &list, &im->arena, &im->f), ERR_OK);
    CHECK(list.count == 1 && list.extent[0].count == 1);
    CHECK_EQ(with_pairs(&im, "\x06\0\0\0\0\0\x01", 8, 1ull << 40, 1ull << 50, 0, 0), ERR_OK);
    CHECK_EQ(file_read(&file, (1ull << 50) - 100, buf, 100, &im->f), ERR_OK);
    CHECK_EQ(file_extents(&file, &list, &im->arena, &im->f), ERR_OK);
    CHECK_EQ(list.extent[0].count, 1ull << 41);
}

TEST(file_sizes_that_contradict)
{
    struct image *im;
    CHECK_EQ(with_pairs(&im, "\x21\x10\x00\x04", 5, 16, 16385, 0, 0), ERR_CORRUPT);
    CHECK_EQ(with_pairs(&im, "\x21\x10\x00\x04", 5, 16, 100, 101, 0), ERR_CORRUPT);
    CHECK_EQ(with_pairs(&im, "\x21\x10\x00\x04", 5, 16, 1ull << 63, 0, 0), ERR_CORRUPT);
    uint8_t *r = one_file(&im, 1024);
    uint8_t *a = im_run(im, r, NTFS_ATTR_DATA, IM_NAME(""), IM_FREE_BYTE, 1024);
    im_put(a + 40, 8, 4096);
    im_put(a + 48, 8, 1025);
    CHECK_FAIL(im, seal_and_open(im, r), ERR_CORRUPT, "ends before");
}

TEST(file_clusters_of_others)
{
    struct image *im;
    struct extent_list list;
    CHECK_EQ(with_pairs(&im, "\x21\x10\x00\x04\x11\x10\x0f", 8, 32, 32768, 32768, 0), ERR_OK);
    CHECK_FAIL(im, file_extents(&file, &list, &im->arena, &im->f), ERR_CORRUPT, "in two runs");
    CHECK_EQ(with_pairs(&im, "\x11\x01\x07", 4, 1, 1024, 1024, 0), ERR_OK);
    CHECK_FAIL(im, file_extents(&file, &list, &im->arena, &im->f), ERR_CORRUPT, "$Boot");
    CHECK_EQ(with_pairs(&im, "\x11\x01\x41", 4, 1, 1024, 1024, 0), ERR_OK);
    CHECK_FAIL(im, file_extents(&file, &list, &im->arena, &im->f), ERR_CORRUPT, "$MFT");
    CHECK_EQ(with_pairs(&im, "\x11\x01\x08", 4, 1, 1024, 1024, 0), ERR_OK);
    CHECK_EQ(file_extents(&file, &list, &im->arena, &im->f), ERR_OK);
}

TEST(file_refused)
{
    struct image *im;
    CHECK_EQ(with_pairs(&im, "\x21\x10\x00\x04", 5, 16, 16384, 0, NTFS_FLAG_ENCRYPTED),
             ERR_ENCRYPTED);
    uint8_t *r = one_file(&im, 1024);
    CHECK_FAIL(im, seal_and_open(im, r), ERR_CORRUPT, "no data attribute");
    r = one_file(&im, 1024);
    im_put(r + 22, 2, 3);
    CHECK_FAIL(im, seal_and_open(im, r), ERR_NOT_FOUND, "folder");
    r = one_file(&im, 1024);
    im_put(r + 22, 2, 0);
    CHECK_FAIL(im, seal_and_open(im, r), ERR_CORRUPT, "not in use");
    r = one_file(&im, 1024);
    im_put(r + 16, 2, 9);
    CHECK_FAIL(im, seal_and_open(im, r), ERR_CORRUPT, "reused");
    r = one_file(&im, 1024);
    im_put(r + 32, 8, im_ref(30));
    CHECK_FAIL(im, seal_and_open(im, r), ERR_CORRUPT, "piece of another");

    static const struct {
        uint32_t tag;
        const char *words;
    } tags[] = {{0xa000000c, "symbolic link"}, {0xa0000003, "junction"}, {0x80000017, "WOF"},
                {0x80000013, "deduplicated"},  {0x9000301a, "cloud"},    {0x12345678, "tag %x"}};
    for (unsigned i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        uint8_t value[8] = {0};
        im_put(value, 4, tags[i].tag);
        r = one_file(&im, 1024);
        im_run(im, r, NTFS_ATTR_DATA, IM_NAME(""), IM_FREE_BYTE, 1024);
        im_resident(r, NTFS_ATTR_REPARSE_POINT, IM_NAME(""), value, 8);
        CHECK_FAIL(im, seal_and_open(im, r), ERR_REPARSE, tags[i].words);
    }
    r = one_file(&im, 1024);
    im_resident(r, NTFS_ATTR_REPARSE_POINT, IM_NAME(""), "", 0);
    CHECK_FAIL(im, seal_and_open(im, r), ERR_CORRUPT, "beyond the end");
}

/* The file's attribute list, of data in two pieces: the first in the base record, the second in
 * record 25. */
static uint8_t list[96];

static enum err with_list(struct image **im, unsigned change_at, unsigned size, uint64_t value,
                          unsigned where)
{
    uint8_t *r = one_file(im, 1024);
    memset(list, 0, sizeof list);
    for (unsigned i = 0; i < 3; i++) {
        im_put(list + 32 * i, 4, i ? NTFS_ATTR_DATA : 0x10);
        im_put(list + 32 * i + 4, 2, 32);
        im_put(list + 32 * i + 8, 8, i == 2 ? 8 : 0);
        im_put(list + 32 * i + 16, 8, im_ref(i == 2 ? 25 : 24));
    }
    im_put(list + 64 + 24, 2, 0x48);
    unsigned list_bytes = where == 2 ? 128 : where == 3 ? NTFS_LIST_MAX + 8 : sizeof list;
    if (where == 0) /* resident */
        im_resident(r, NTFS_ATTR_LIST, IM_NAME(""), list, sizeof list);
    else
        im_run(*im, r, NTFS_ATTR_LIST, IM_NAME(""), IM_FREE_BYTE + 65536, list_bytes);
    uint32_t data_at = (uint32_t)im_get(r + 24, 4);
    im_put(list + 32 + 24, 2, data_at);
    if (size)
        im_put(list + change_at, size, value);
    if (where == 0)
        memcpy(r + 0x48 + 24, list, sizeof list);
    memcpy((*im)->data + IM_FREE_BYTE + 65536, list, sizeof list);

    uint8_t *a =
        im_nonresident(r, NTFS_ATTR_DATA, IM_NAME(""), "\x21\x08\x00\x04", 5, 0, 8, 16384, 1024);
    im_put(a + 40, 8, 16384);
    uint8_t *e = im_begin(*im, 25, 0);
    im_put(e + 32, 8, im_ref(24));
    im_nonresident(e, NTFS_ATTR_DATA, IM_NAME(""), "\x21\x08\x10\x04", 5, 8, 8, 0, 1024);
    im_seal(*im, e);
    return seal_and_open(*im, r);
}

TEST(file_attribute_list)
{
    struct image *im;
    struct extent_list extents;
    for (unsigned where = 0; where < 2; where++) {
        CHECK_EQ(with_list(&im, 0, 0, 0, where), ERR_OK);
        CHECK_EQ(file_read(&file, 0, buf, 16384, &im->f), ERR_OK);
        CHECK_EQ(im_get(buf, 4), 0x80000000u);
        CHECK_EQ(im_get(buf + 8192, 4), 0x80004000u);
        CHECK_EQ(file_extents(&file, &extents, &im->arena, &im->f), ERR_OK);
        CHECK_EQ(extents.count, 2);
    }
    CHECK_FAIL(im, with_list(&im, 36, 2, 0, 0), ERR_CORRUPT, "malformed entry");
    CHECK_FAIL(im, with_list(&im, 32 + 8, 8, 8, 0), ERR_CORRUPT, "misses a first piece");
    CHECK_FAIL(im, with_list(&im, 64 + 8, 8, 9, 0), ERR_CORRUPT, "not there");
    CHECK_FAIL(im, with_list(&im, 64 + 16, 8, im_ref(26), 0), ERR_CORRUPT, "FILE signature");
    CHECK_FAIL(im, with_list(&im, 32 + 22, 2, 7, 0), ERR_CORRUPT, "an old one");
    CHECK_EQ(with_list(&im, 32 + 22, 2, 0, 0), ERR_OK);
    CHECK_FAIL(im, with_list(&im, 64, 4, 0x10, 0), ERR_CORRUPT, "ends before");
    CHECK_FAIL(im, with_list(&im, 0, 0, 0, 2), ERR_CORRUPT, "malformed entry");
    CHECK_FAIL(im, with_list(&im, 0, 0, 0, 3), ERR_CORRUPT, "not a valid one");
}

TEST(file_pieces_must_join)
{
    struct image *im;
    CHECK_EQ(with_list(&im, 0, 0, 0, 0), ERR_OK);
    uint8_t *e = im_begin(im, 25, 0);
    im_put(e + 32, 8, im_ref(24));
    im_nonresident(e, NTFS_ATTR_DATA, IM_NAME(""), "\x21\x07\x10\x04", 5, 9, 7, 0, 1024);
    im_seal(im, e);
    uint8_t *r = im_record(im, 24);
    im_put(r + 0x48 + 24 + 64 + 8, 8, 9); /* the entry says so as well: a gap */
    CHECK_FAIL(im, open_it(im), ERR_CORRUPT, "do not join");

    CHECK_EQ(with_list(&im, 0, 0, 0, 0), ERR_OK);
    e = im_begin(im, 25, 0);
    im_put(e + 32, 8, im_ref(24));
    im_resident(e, NTFS_ATTR_DATA, IM_NAME(""), "x", 1);
    im_seal(im, e);
    r = im_record(im, 24);
    im_put(r + 0x48 + 24 + 64 + 8, 8, 0);
    CHECK_FAIL(im, open_it(im), ERR_CORRUPT, "resident attribute comes in pieces");
}

TEST(file_opens_with_too_little_memory)
{
    struct image *im;
    CHECK_EQ(with_list(&im, 0, 0, 0, 1), ERR_OK);
    CHECK_EQ(im_mount(im), ERR_OK);
    size_t used = arena_mark(&im->arena);
    for (size_t more = 0;; more += 64) {
        CHECK(more < 65536);
        im->arena.size = used + more;
        if (!ntfs_open(&im->vol, "\\f", &file, &im->f))
            break;
        CHECK_EQ(im->f.err, ERR_MEMORY);
        CHECK_EQ(arena_mark(&im->arena), used);
    }
}

/* 3 units of 16 clusters of 1 KiB: packed in 1 cluster, all zero, raw. */
static enum err with_compression(struct image **im, unsigned flags, unsigned unit, uint32_t cluster)
{
    static const uint8_t pairs[] = {0x21, 0x01, 0x00, 0x04, 0x01, 0x1f, 0x11, 0x10, 0x10, 0};
    uint8_t *r = one_file(im, cluster);
    uint8_t *a =
        im_nonresident(r, NTFS_ATTR_DATA, IM_NAME(""), pairs, sizeof pairs, 0, 48, 49000, cluster);
    im_put(a + 12, 2, flags);
    a[34] = (uint8_t)unit;
    /* 4096 bytes of 'z', then the end */
    static const uint8_t packed[] = {0x03, 0xb0, 0x02, 'z', 0xfc, 0x0f, 0, 0};
    memcpy((*im)->data + IM_FREE_BYTE, packed, sizeof packed);
    return seal_and_open(*im, r);
}

TEST(file_compressed)
{
    struct image *im;
    struct extent_list extents;
    CHECK_EQ(with_compression(&im, NTFS_FLAG_COMPRESSED, 4, 1024), ERR_OK);
    CHECK_EQ(file_read(&file, 0, buf, 49000, &im->f), ERR_OK);
    CHECK(buf[0] == 'z' && buf[4095] == 'z' && !buf[4096] && !buf[32767]);
    CHECK_EQ(im_get(buf + 32768, 4), 0x80004000u);
    CHECK_EQ(file_read(&file, 4090, buf, 12, &im->f), ERR_OK);
    CHECK(buf[5] == 'z' && !buf[6]);
    CHECK_EQ(file_extents(&file, &extents, &im->arena, &im->f), ERR_COMPRESSED);

    struct ntfs_file *nf = file.ctx;
    nf->data.initialized = 100;
    CHECK_EQ(file_read(&file, 90, buf, 20, &im->f), ERR_OK);
    CHECK(buf[9] == 'z' && !buf[10]);
    nf->unit.number = UINT64_MAX;
    im->data[IM_FREE_BYTE + 1] = 0x80;
    im_forget(im);
    CHECK_FAIL(im, file_read(&file, 0, buf, 1, &im->f), ERR_CORRUPT, "compressed data are damaged");

    CHECK_FAIL(im, with_compression(&im, 2, 4, 1024), ERR_UNSUPPORTED, "unknown method");
    CHECK_FAIL(im, with_compression(&im, 1, 5, 1024), ERR_CORRUPT, "compression unit");
    CHECK_FAIL(im, with_list(&im, 0, 0, 0, 2), ERR_CORRUPT, "malformed entry");
    CHECK_EQ(with_compression(&im, NTFS_FLAG_COMPRESSED, 4, 1024), ERR_OK);
    CHECK_EQ(im_mount(im), ERR_OK);
    im->arena.size = arena_mark(&im->arena) + 24000;
    CHECK_FAIL(im, ntfs_open(&im->vol, "f", &file, &im->f), ERR_MEMORY, "compression units");
}

TEST(file_compressed_in_huge_units)
{
    struct image *im = im_make(65536, 1024);
    im_one_file(im, IM_NAME("f"));
    uint8_t *r = im_begin(im, 24, 0);
    uint8_t *a = im_run(im, r, NTFS_ATTR_DATA, IM_NAME(""), IM_FREE_BYTE, 65536);
    im_put(a + 12, 2, NTFS_FLAG_COMPRESSED);
    im_put(a + 32, 2, 72);
    a[34] = 4;
    im_seal(im, r);
    CHECK_EQ(im_mount(im), ERR_OK);
    CHECK_EQ(ntfs_open(&im->vol, "f", &file, &im->f), ERR_OK); /* 1 MiB: just possible */
    struct ntfs_file *nf = file.ctx;
    im->vol.cluster_shift++;
    CHECK_EQ(ntfs_compressed_open(&im->vol, &nf->data, &nf->unit, &im->f), ERR_UNSUPPORTED);
}

TEST(file_written)
{
    struct image *im;
    uint8_t info[48] = {0};
    uint64_t time = 1;
    im_put(info, 8, 1);
    im_put(info + 8, 8, 0x01dc5b0011223344);
    uint8_t *r = one_file(&im, 1024);
    im_resident(r, NTFS_ATTR_STANDARD_INFORMATION, IM_NAME(""), info, sizeof info);
    im_resident(r, NTFS_ATTR_DATA, IM_NAME(""), "data", 4);
    CHECK_EQ(seal_and_open(im, r), ERR_OK);
    size_t mark = arena_mark(&im->arena);
    CHECK_EQ(ntfs_written(&file, &time, &im->f), ERR_OK);
    CHECK_EQ(time, 0x01dc5b0011223344);
    CHECK_EQ(arena_mark(&im->arena), mark);

    r = one_file(&im, 1024);
    im_resident(r, NTFS_ATTR_STANDARD_INFORMATION, IM_NAME(""), info, 15);
    im_resident(r, NTFS_ATTR_DATA, IM_NAME(""), "data", 4);
    CHECK_EQ(seal_and_open(im, r), ERR_OK);
    CHECK_FAIL(im, ntfs_written(&file, &time, &im->f), ERR_CORRUPT, "has no times");
    CHECK_EQ(time, 0);

    r = one_file(&im, 1024);
    im_resident(r, NTFS_ATTR_DATA, IM_NAME(""), "data", 4);
    CHECK_EQ(seal_and_open(im, r), ERR_OK);
    CHECK_FAIL(im, ntfs_written(&file, &time, &im->f), ERR_CORRUPT, "has no times");
}

TEST(file_streams)
{
    struct image *im;
    uint8_t *r = one_file(&im, 1024);
    im_resident(r, NTFS_ATTR_DATA, IM_NAME("a"), "stream a, which is longer", 25);
    im_resident(r, NTFS_ATTR_DATA, IM_NAME(""), "data", 4);
    CHECK_EQ(seal_and_open(im, r), ERR_OK);
    CHECK_EQ(file.size, 4);
    CHECK_EQ(ntfs_open(&im->vol, "/f:a", &file, &im->f), ERR_OK);
    CHECK_EQ(file.size, 25);
    CHECK_STR(file.path, "\\f:a");
    CHECK_EQ(ntfs_open(&im->vol, "/f:a:$DATA", &file, &im->f), ERR_OK);
    CHECK_EQ(file.size, 25);
    CHECK_EQ(ntfs_open(&im->vol, "/f::$DATA", &file, &im->f), ERR_OK);
    CHECK_EQ(file.size, 4);
    CHECK_FAIL(im, ntfs_open(&im->vol, "/f:b", &file, &im->f), ERR_NOT_FOUND, "no stream");
    CHECK_FAIL(im, ntfs_open(&im->vol, "/f:\xff", &file, &im->f), ERR_NOT_FOUND, "stream's name");
}
