/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images of other kinds: each is called what it is, and what nobody knows is left alone. */
#include "core/chain/foreign.h"
#include "unit/fakes.h"

static struct fail f;
static struct piece_file p;
static struct extent extents[1];

static enum err judge(uint64_t size, uint64_t off, const void *data, uint32_t length)
{
    piece_file_init(&p, "x", size, extents, 1);
    piece_file_put(&p, off, data, length);
    f = (struct fail){0};
    return foreign_judge(&p.file, false, &f);
}

TEST(each_kind)
{
    CHECK_EQ(judge(1 << 20, 0, "QFI\xfb", 4), ERR_FOREIGN);
    CHECK(says(&f, "QCOW2"));
    CHECK_EQ(judge(1 << 20, 0, "KDMV", 4), ERR_FOREIGN);
    CHECK(says(&f, "VMDK"));
    CHECK_EQ(judge(400, 0, "# Disk DescriptorFile\n", 22), ERR_FOREIGN);
    CHECK(says(&f, "VMDK"));
    CHECK_EQ(judge(1 << 20, 64, "\x7f\x10\xda\xbe", 4), ERR_FOREIGN);
    CHECK(says(&f, "VDI"));
    CHECK_EQ(judge(1 << 20, 0x8001, "CD001", 5), ERR_FOREIGN);
    CHECK(says(&f, "ISO"));
    CHECK_EQ(judge(1 << 20, 510, "\x55\xaa", 2), ERR_FOREIGN);
    CHECK(says(&f, "raw"));
}

TEST(a_hybrid_iso_is_an_iso)
{
    CHECK_EQ(judge(1 << 20, 0x8001, "CD001", 5), ERR_FOREIGN);
    piece_file_put(&p, 510, "\x55\xaa", 2);
    CHECK_EQ(foreign_judge(&p.file, false, &f), ERR_FOREIGN);
    CHECK(says(&f, "ISO"));
}

TEST(a_raw_disk_may_hold_anything_but_an_image)
{
    static const struct {
        uint64_t off;
        const char *bytes;
    } image[] = {
        {0, "QFI\xfb"}, {0, "KDMV"}, {0, "# Disk DescriptorFile"}, {64, "\x7f\x10\xda\xbe"}};
    for (unsigned i = 0; i < sizeof image / sizeof image[0]; i++) {
        CHECK_EQ(judge(1 << 20, image[i].off, image[i].bytes, (uint32_t)strlen(image[i].bytes)),
                 ERR_FOREIGN);
        CHECK_EQ(foreign_judge(&p.file, true, &f), ERR_FOREIGN);
    }
    CHECK_EQ(judge(1 << 20, 510, "\x55\xaa", 2), ERR_FOREIGN);
    piece_file_put(&p, 0x8001, "CD001", 5);
    CHECK_EQ(foreign_judge(&p.file, true, &f), ERR_OK);
}

TEST(not_written_to_its_end)
{
    CHECK_EQ(judge(1 << 20, 510, "\x55\xaa", 2), ERR_FOREIGN);
    p.file.initialized = 4096;
    CHECK_EQ(foreign_judge(&p.file, false, &f), ERR_OK);
}

TEST(short_ones_and_unknown_ones)
{
    CHECK_EQ(judge(1, 0, "Q", 1), ERR_OK);
    CHECK_EQ(judge(511, 510, "\x55", 1), ERR_OK);
    CHECK_EQ(judge(0x8005, 0x8001, "CD00", 4), ERR_OK);
    CHECK_EQ(judge(1 << 20, 0, "text", 4), ERR_OK);
}
