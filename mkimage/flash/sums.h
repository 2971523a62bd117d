/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * \vhdboot.sum: the SHA-256 of each image as mkimage wrote it, in lines that sha256sum -c takes on
 * the mounted volume. Below a heading stand those that something may have written to since: that
 * they differ is no surprise. A file that has no line is no fault either.
 */
#ifndef MKIMAGE_FLASH_SUMS_H
#define MKIMAGE_FLASH_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/say.h"
#include "core/base/file.h"
#include "core/ntfs/ntfs.h"
#include "flash/edit.h"
#include "host/sha256.h"

struct sum {
    char *path; /* with backslashes, a leading one */
    uint8_t digest[SHA256_SIZE];
    bool written; /* it may have been, since */
};

struct sums {
    struct sum *line;
    size_t count;
};

/* What the volume's file says; nothing where there is none. What is not understood is told. */
enum status sums_read(struct sums *s, struct ntfs *volume);
void sums_free(struct sums *s);

/* The line of this path, or NULL. */
struct sum *sums_find(const struct sums *s, const char *path);

/* One line more, or a new one for the old. */
enum status sums_set(struct sums *s, const char *path, const uint8_t digest[SHA256_SIZE],
                     bool written);

/* The same of a file that is there, which is read for it; in a rehearsal it is not. */
enum status sums_set_file(struct sums *s, struct edit *e, const char *path, bool written);

/* Takes a line out; false where there is none. */
bool sums_drop(struct sums *s, const char *path);

/* The file's text, allocated: its length depends on the paths alone. */
enum status sums_text(const struct sums *s, char **text, size_t *size);

/* Writes it. */
enum status sums_put(struct edit *e, const struct sums *s);

/* Before a verb changes an image, and perhaps an `other` one (NULL: none): from now on it is no
 * surprise that they differ, whichever of their names has the sum. Does nothing where that is known
 * already. */
enum status sums_mark_written(struct edit *e, const char *path, const char *other);

/* The same for TARGET:/path, of which somebody else has the drive open for writing. `drive` NULL: a
 * file of the host, which has no sum here. */
enum status sums_mark_served(struct device *drive, const char *image, unsigned partition);

/* Before a verb removes a name of a file: its line goes. */
enum status sums_forget(struct edit *e, const char *path);

/* The same of all names that the file at `path` has. */
enum status sums_forget_file(struct edit *e, const char *path);

/* Of all bytes of a file. */
enum status sums_of_file(struct file *file, uint8_t digest[SHA256_SIZE]);

#endif
