/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the menu tells of an entry before it is started: two lines at its foot, and a page. */
#ifndef STAGE2_DETAILS_H
#define STAGE2_DETAILS_H

#include <stdbool.h>
#include <stddef.h>

/* Both are a menu_view's (menu.h), whose `ctx` is the struct stage2. */
bool details_lines(void *ctx, unsigned index, bool sparing, char *line, char *second, size_t size);
void details_page(void *ctx, unsigned index);

#endif
