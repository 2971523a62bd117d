/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An open file of the volume: what struct file's ctx points to. Only file.c and its tests know. */
#ifndef CORE_NTFS_FILE_H
#define CORE_NTFS_FILE_H

#include <stdbool.h>
#include "core/ntfs/attr.h"
#include "core/ntfs/compressed.h"

struct ntfs;

struct ntfs_file {
    struct ntfs *vol;
    uint64_t record; /* the file's number */
    struct ntfs_attr data;
    bool system;           /* one of the file system's own: may lie where no other file may */
    struct ntfs_unit unit; /* of a compressed file */
};

#endif
