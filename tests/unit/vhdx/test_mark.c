/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mark of a merge: what is made is believed, and nothing else is. */
#include "unit/unit.h"
#include "unit/vhdx_builder.h"
#include "core/base/bits.h"
#include "core/vhdx/mark.h"
#include "core/vhdx/write.h"

static uint8_t memory[4 << 20];
static struct arena arena;
static struct image image;
static struct fail failure;
static const uint8_t child[16] = "the child's id..", own[16] = "its own id......";

static enum err reopen(struct vx *x)
{
    arena_init(&arena, memory, sizeof memory);
    return vhdx_open(&image, &x->file, &arena, &failure);
}

static enum err with_mark(struct vx *x, const struct vhdx_mark *mark)
{
    memcpy(vx_at(x, VHDX_MARK), mark, sizeof *mark);
    return reopen(x);
}

TEST(no_mark_says_nothing)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    CHECK_EQ(reopen(x), ERR_OK);
    CHECK_EQ(image.merge, IMAGE_MERGE_NONE);
    CHECK(bytes_are(image.merge_id, 16, 0));
    memset(vx_at(x, VHDX_MARK), 0xa5, 512); /* nor does what others may put there */
    CHECK_EQ(reopen(x), ERR_OK);
    CHECK_EQ(image.merge, IMAGE_MERGE_NONE);
    vx_free(x);
}

TEST(marks_are_read_as_they_are_made)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    struct vhdx_mark mark;
    for (enum image_merge state = IMAGE_MERGE_NONE; state <= IMAGE_MERGE_COMPLETE; state++) {
        vhdx_mark_make(&mark, state, child, own);
        CHECK_EQ(with_mark(x, &mark), ERR_OK);
        CHECK_EQ(image.merge, state);
        CHECK(!memcmp(image.merge_id, own, 16));
        CHECK(!state || !memcmp(image.merge_child, child, 16));
        CHECK(!image.read_only && !image.damaged);
    }
    vhdx_mark_make(&mark, IMAGE_MERGE_NONE, NULL, NULL);
    CHECK(bytes_are(&mark, sizeof mark, 0));
    vx_free(x);
}

TEST(every_bit_of_a_mark_counts)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    struct vhdx_mark mark;
    vhdx_mark_make(&mark, IMAGE_MERGE_UNDER_WAY, child, own);
    for (unsigned bit = 0; bit < 512 * 8; bit++) {
        struct vhdx_mark other = mark;
        ((uint8_t *)&other)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum err err = with_mark(x, &other);
        if (bit < 64) { /* the cookie: it is no mark then */
            CHECK_EQ(err, ERR_OK);
            CHECK_EQ(image.merge, IMAGE_MERGE_NONE);
        } else {
            CHECK_EQ(err, ERR_IMAGE);
            CHECK_STR(failure.sentence, "the mark of a merge at byte %u of the VHDX is damaged");
        }
    }
    vhdx_mark_make(&mark, IMAGE_MERGE_UNDER_WAY, own, own);
    memset(mark.child, 0, 16); /* of nobody: all who have no id would be meant */
    mark.sum = le32_make(0);
    mark.sum = le32_make(crc32c(0, (const uint8_t *)&mark, sizeof mark));
    CHECK_EQ(with_mark(x, &mark), ERR_IMAGE);
    vx_free(x);
}

TEST(a_later_state_is_one_under_way)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    struct vhdx_mark mark;
    vhdx_mark_make(&mark, (enum image_merge)77, child, own);
    CHECK_EQ(with_mark(x, &mark), ERR_OK);
    CHECK_EQ(image.merge, IMAGE_MERGE_UNDER_WAY);
    vx_free(x);
}

TEST(a_mark_outlives_new_headers)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    struct vhdx_mark mark;
    uint8_t page[4096];
    uint64_t place;
    vhdx_mark_make(&mark, IMAGE_MERGE_NONE, NULL, own);
    CHECK_EQ(with_mark(x, &mark), ERR_OK);
    CHECK_EQ(vhdx_header_next(&image, VHDX_CHANGES_DISK, child, page, &place, &failure), ERR_OK);
    memcpy(vx_at(x, place), page, sizeof page);
    uint8_t id[16];
    memcpy(id, image.id, sizeof id);
    CHECK_EQ(reopen(x), ERR_OK);
    CHECK(memcmp(id, image.id, 16) && !memcmp(image.merge_id, own, 16));
    vx_free(x);
}

TEST(a_log_is_laid_over_a_mark)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    struct vhdx_mark mark;
    vhdx_mark_make(&mark, IMAGE_MERGE_UNDER_WAY, child, own);
    memcpy(vx_at(x, VHDX_MARK), &mark, sizeof mark);
    struct vx_write zeros = {.offset = VHDX_MARK, .zero = 4096};
    (void)vx_log_entry(x, 0, 0, 5, &zeros, 1);
    vx_dirty(x);
    CHECK_EQ(reopen(x), ERR_OK);
    CHECK_EQ(image.merge, IMAGE_MERGE_NONE);
    vx_free(x);
}
