/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts this program and what calls it in an initramfs into an installed system. */
#ifndef MKIMAGE_GUEST_HOOKS_H
#define MKIMAGE_GUEST_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include "cli/say.h"

/* The path of a program that lies beside this one; false: this one's own cannot be found out. */
bool hooks_beside(const char *name, char *path, size_t size);

/* Below `root`: for each program that makes initramfs and is there. Says what to run next. */
enum status hooks_install(const char *root);

#endif
