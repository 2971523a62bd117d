/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * \vhdboot.cfg, edited: every byte stays but those that have to change. The loader's own parser
 * judges each new text: it must read as the old one did, but for the change that was meant.
 */
#ifndef MKIMAGE_FLASH_CONFIG_TEXT_H
#define MKIMAGE_FLASH_CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include "cli/say.h"
#include "core/base/arena.h"
#include "core/entry/config.h"
#include "core/ntfs/ntfs.h"

struct config_text {
    char *text;
    size_t size;
    struct config config; /* what the loader makes of it */
    bool complete;        /* the text names every entry: it can be edited as it is */
    const char *newline;  /* as the text has them */
};

/* Reads the config of the volume, and the entries that it stands for: those of the root folder
 * where it names none. */
enum status config_text_open(struct config_text *m, struct ntfs *volume, struct arena *a);

/* The same, but a volume without any entry is none's fault: it has an empty menu. */
enum status config_text_open_empty(struct config_text *m, struct ntfs *volume, struct arena *a);
void config_text_close(struct config_text *m);

/* Writes the root folder's images into the text as entries, where it names none itself. */
enum status config_text_complete(struct config_text *m, struct arena *a);

/* Takes `text`, which is allocated, where the loader reads m->config from it; false, and the text
 * is freed, where it does not. */
bool config_text_take(struct config_text *m, char *text, size_t size, struct arena *a);

/* Takes the volume's name off every path of a `vhd` or `parent` line whose volume `is` it: a path
 * of the own volume is left. */
enum status config_text_leave_volume(struct config_text *m,
                                     bool (*is)(void *ctx, const char *name, size_t length),
                                     void *ctx, unsigned *changed, struct arena *a);

/* Lets entry `index` start another image. */
enum status config_text_set_vhd(struct config_text *m, unsigned index, const char *vhd,
                                struct arena *a);

#endif
