/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file of the host may lie on a stick that is mounted, where \vhdboot.sum says what was in it:
 * that it is changed, or gone, is said there as well, so that nobody takes it for damage. Nothing
 * is done where no line is about the file; what stands against it is a warning, no failure.
 */
#ifndef MKIMAGE_SERVE_MOUNTED_SUM_H
#define MKIMAGE_SERVE_MOUNTED_SUM_H

/* Before `path` is written to, or another file takes its name. */
void mounted_sum_written(const char *path);

/* Before it is removed. */
void mounted_sum_gone(const char *path);

#endif
