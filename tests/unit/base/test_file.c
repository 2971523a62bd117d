/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extents of a file. */
#include "unit/unit.h"
#include "core/base/file.h"

TEST(extents_are_found_and_counted)
{
    struct extent e[] = {{0, 100, 5}, {5, EXTENT_HOLE, 5}, {10, 7, 1}};
    struct extent_list list = {e, 3};
    CHECK_EQ(extent_fragments(&list), 2);
    CHECK(extent_find(&list, 4) == &e[0]);
    CHECK(extent_find(&list, 9) == &e[1]);
    CHECK(extent_find(&list, 10) == &e[2]);
    CHECK(extent_find(&list, 11) == NULL);

    struct file file = {.size = 11 * 512, .initialized = 11 * 512};
    struct fail f;
    CHECK_EQ(file_writable_in_place(&file, &list, &f), ERR_SPARSE);
    file.initialized = 512;
    CHECK_EQ(file_writable_in_place(&file, &list, &f), ERR_UNINIT);
}
