/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The \\vhdboot.cfg of a new flash, where the user gives none. */
#ifndef MKIMAGE_FLASH_MENU_H
#define MKIMAGE_FLASH_MENU_H

#include "cli/say.h"
#include "flash/plan.h"

/*
 * An entry an image, in the order of the command line, each of a name of its own; says which it
 * called otherwise than its file. Where a name cannot be written in a config, none is made: then
 * the loader lists the images by itself.
 */
enum status menu_make(struct flash_plan *plan);

#endif
