/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A struct volume's part of its device, as libntfs-3g wants to have a device. */
#ifndef MKIMAGE_NTFS_IO_H
#define MKIMAGE_NTFS_IO_H

struct ntfs_device;
struct volume;

/* Allocated, for libntfs-3g to mount; NULL with errno set. Never leads beyond the volume's end. */
struct ntfs_device *io_device(struct volume *v);

#endif
