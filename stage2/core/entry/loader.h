/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which loader a file is, and how it wants to be started: where its bytes go, where it is entered,
 * with which registers. Told by its contents; by its name only where the contents do not say it.
 *
 * All of them get: real mode, A20 on, DF = 0, GS = FS = 0, DL = drive, EBX = EDX, text mode 3, the
 * volume's boot record at 0:7C00 (where the file does not lie there itself), the partition's table
 * entry at 0:7BE, SI = BP = 7C00.
 */
#ifndef CORE_ENTRY_LOADER_H
#define CORE_ENTRY_LOADER_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/errors.h"

struct arena;
struct file;
struct ntfs;

#define LOADER_FILE_MAX (500u << 10)

struct loader {
    const char *name;     /* "NTLDR" … for messages */
    uint32_t address;     /* where the file goes */
    uint32_t bytes;       /* so many of it: all, but of IO.SYS, which reads the rest itself */
    uint16_t cs, ip;      /* where it is entered */
    uint16_t ss, sp;      /* its stack */
    uint16_t ds;          /* ES is 0 */
    uint32_t record;      /* where the volume's boot record goes */
    bool interrupts;      /* IF = 1, as a BIOS starts a boot record */
    bool partition_in_dh; /* DH = the partition, from 0 on; FFh: none */
    bool recovery;        /* "cmdcons" at 7C03h */
    bool first_drive;     /* finds its drive under 80h only */
};

/* What the whole file is; `path` is its name. ERR_UNSUPPORTED, with what it is where that is known,
 * for what cannot be started. */
MUST_CHECK enum err loader_judge(struct loader *loader, struct view file, const char *path,
                                 struct fail *f);

/* Opens the file, reads all of it into memory of `a` and judges it. */
MUST_CHECK enum err loader_load(struct loader *loader, struct view *contents, struct file *file,
                                struct ntfs *volume, const char *path, struct arena *a,
                                struct fail *f);

/* Does all that it gets fit below `low_end`, the end of conventional memory? ERR_MEMORY. */
MUST_CHECK enum err loader_room_check(const struct loader *loader, uint32_t low_end,
                                      struct fail *f);

#endif
