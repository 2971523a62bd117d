/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libntfs-3g's headers, for the files that mkimage.mk lists: its le16 and the like are other types
 * than core/base/endian.h's, and its names begin as core's do.
 */
#ifndef MKIMAGE_NTFS_LIBNTFS_H
#define MKIMAGE_NTFS_LIBNTFS_H

/* Debian's headers expect the configuration they were built with. */
#define HAVE_STDINT_H    1
#define HAVE_STDDEF_H    1
#define HAVE_STDIO_H     1
#define HAVE_STDLIB_H    1
#define HAVE_STDARG_H    1
#define HAVE_STRING_H    1
#define HAVE_ERRNO_H     1
#define HAVE_TIME_H      1
#define HAVE_SYS_TYPES_H 1
#define HAVE_SYS_STAT_H  1

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wundef"
#include <ntfs-3g/attrib.h>
#include <ntfs-3g/bitmap.h>
#include <ntfs-3g/cache.h>
#include <ntfs-3g/device.h>
#include <ntfs-3g/dir.h>
#include <ntfs-3g/index.h>
#include <ntfs-3g/inode.h>
#include <ntfs-3g/lcnalloc.h>
#include <ntfs-3g/logging.h>
#include <ntfs-3g/mft.h>
#include <ntfs-3g/mst.h>
#include <ntfs-3g/runlist.h>
#include <ntfs-3g/unistr.h>
#include <ntfs-3g/volume.h>
#pragma GCC diagnostic pop

#endif
