/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts this program and what calls it in an initramfs into an installed system. */
#ifndef MKIMAGE_GUEST_HOOKS_H
#define MKIMAGE_GUEST_HOOKS_H

#include "cli/say.h"

/* Below `root`: for each program that makes initramfs and is there. Says what to run next. */
enum status hooks_install(const char *root);

#endif
