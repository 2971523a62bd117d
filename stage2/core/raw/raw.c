/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Judges by name and first bytes; what is left is one run, as in a fixed VHD without its footer. */
#include "core/raw/raw.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/text.h"

#define HEAD_SIZE (2 * SECTOR_SIZE) /* as much as tells formats apart */

/* The part of a name behind its last dot; empty where it has none. */
static const char *extension(const char *name)
{
    const char *found = "";
    for (; *name; name++) {
        if (*name == '.')
            found = name + 1;
        else if (*name == '/' || *name == '\\')
            found = "";
    }
    return found;
}

static bool is_one_of(const char *word, const char *const *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (text_same_caseless(word, text_length(word), list[i]))
            return true;
    }
    return false;
}

enum err raw_probe(struct file *file, const char *name, bool *is_raw, struct fail *f)
{
    static const char *const raw[] = {"img", "raw"};
    static const char *const other[] = {"vhd", "vhdx", "avhd", "avhdx"};
    const char *suffix = extension(name);
    uint8_t mark[2];
    *is_raw = is_one_of(suffix, raw, 2);
    if (*is_raw || is_one_of(suffix, other, 4) || file->size < SECTOR_SIZE ||
        file->size % SECTOR_SIZE)
        return ERR_OK;
    enum err err = file_read(file, SECTOR_SIZE - sizeof mark, mark, sizeof mark, f);
    *is_raw = !err && mark[0] == 0x55 && mark[1] == 0xaa;
    return err;
}

/* Byte n of the disk is byte n of the file. */
static enum err raw_run(struct image *image, uint64_t lba, struct image_run *run, struct fail *f)
{
    (void)f;
    *run = (struct image_run){
        .state = IMAGE_DATA, .count = image->sectors - lba, .file_sector = lba, .in_place = true};
    return ERR_OK;
}

enum err raw_open(struct image *image, struct file *file, struct fail *f)
{
    uint8_t head[HEAD_SIZE] = {0};
    *image = (struct image){.file = file, .format = IMAGE_RAW, .kind = IMAGE_FIXED};
    uint32_t size = file->size < HEAD_SIZE ? (uint32_t)file->size : HEAD_SIZE;
    enum err err = size ? file_read(file, 0, head, size, f) : ERR_OK;
    if (err)
        return err;
    if (!memcmp(head + SECTOR_SIZE, "cxsparse", 8))
        err = fail(f, ERR_IMAGE, "this is a dynamic VHD whose footer is lost at both ends", 0);
    else if (!file->size || file->size % SECTOR_SIZE)
        err =
            fail(f, ERR_IMAGE, "a raw disk is a whole number of sectors, but the file has %u bytes",
                 file->size);
    if (err)
        return fail_subject(f, file->path);
    image->sectors = file->size >> SECTOR_SHIFT;
    image->allocated = file->size;
    image->run = raw_run;
    return ERR_OK;
}
