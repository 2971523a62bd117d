/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Judges the footer; a fixed disk is opened here, the others by dynamic.c. */
#include "core/vhd/vhd.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/vhd/dynamic.h"
#include "core/vhd/footer.h"
#include "core/vhd/format.h"

enum err vhd_probe(struct file *file, bool *is_vhd, struct fail *f)
{
    struct vhd_footers footers;
    enum err err = vhd_footer_find(&footers, file, f);
    *is_vhd = !err && (footers.end != VHD_FOOTER_NONE || footers.copy != VHD_FOOTER_NONE);
    return err;
}

/* A fixed disk is one run: byte n of the disk is byte n of the file. */
static enum err vhd_fixed_run(struct image *image, uint64_t lba, struct image_run *run,
                              struct fail *f)
{
    (void)f;
    *run = (struct image_run){
        .state = IMAGE_DATA, .count = image->sectors - lba, .file_sector = lba, .in_place = true};
    return ERR_OK;
}

static void vhd_creator(struct image *image, const uint8_t creator[4])
{
    unsigned length = 4;
    while (length && (creator[length - 1] == 0 || creator[length - 1] == ' '))
        length--;
    for (unsigned i = 0; i < length; i++) {
        bool printable = creator[i] >= 0x20 && creator[i] < 0x7f;
        image->creator[i] = printable ? (char)creator[i] : '?';
    }
}

/* What is odd about a footer that counts, and whether that forbids writes. */
static void vhd_footer_notes(struct image *image, const struct vhd_footers *footers)
{
    const struct vhd_footer *footer = &footers->footer;
    image->merge = footers->merge;
    memcpy(image->merge_child, footers->merge_child, sizeof image->merge_child);
    image->saved_state = footer->saved_state;
    if (footer->saved_state) {
        image->read_only = true;
        notes_add(&image->notes,
                  "a suspended virtual machine uses this disk: writes would "
                  "damage it",
                  0);
    }
    if (footers->copies_differ) {
        image->read_only = true;
        image_note_damage(image,
                          "the footer at the end and its copy at the start differ: the end "
                          "was used, and programs that use the copy may see another disk",
                          0);
    }
    if (footers->copy_used) {
        image->read_only = true;
        image_note_damage(image, "the footer at the end is damaged: its copy at the start was used",
                          0);
    } else if (be32_get(footer->type) != VHD_FIXED && footers->copy != VHD_FOOTER_GOOD) {
        image_note_damage(image,
                          footers->copy == VHD_FOOTER_NONE
                              ? "the footer's copy at the start is missing"
                              : "the footer's copy at the start is damaged",
                          0);
    }
    if (footers->short_footer && !footers->copy_used)
        notes_add(&image->notes, "the footer has only 511 bytes, as early Virtual PC wrote it", 0);

    uint64_t geometry =
        (uint64_t)((uint32_t)be16_get(footer->cylinders) * footer->heads) * footer->track_sectors
        << SECTOR_SHIFT;
    if (!memcmp(footer->creator, "vpc ", 4) && geometry != be64_get(footer->current_size))
        notes_add(&image->notes,
                  "programs that go by the footer's geometry, as QEMU does, see a "
                  "disk of %u bytes",
                  geometry);
}

static enum err vhd_open_fixed(struct image *image, const struct vhd_footers *footers,
                               struct fail *f)
{
    if (image->sectors << SECTOR_SHIFT > footers->end_offset)
        return fail(f, ERR_IMAGE,
                    "the VHD footer says that the disk has %u bytes, but the file holds fewer",
                    be64_get(footers->footer.current_size));
    image->kind = IMAGE_FIXED;
    image->allocated = image->sectors << SECTOR_SHIFT;
    image->run = vhd_fixed_run;
    return ERR_OK;
}

static enum err vhd_open_footers(struct image *image, const struct vhd_footers *footers,
                                 struct arena *a, struct fail *f)
{
    const struct vhd_footer *footer = &footers->footer;
    uint32_t type = be32_get(footer->type);
    uint64_t size = be64_get(footer->current_size);
    image->sectors = size >> SECTOR_SHIFT;
    memcpy(image->id, footer->id, sizeof image->id);
    memcpy(image->merge_id, footer->id, sizeof image->merge_id);
    image->timestamp = be32_get(footer->timestamp);
    image->cylinders = be16_get(footer->cylinders);
    image->heads = footer->heads;
    image->track_sectors = footer->track_sectors;
    vhd_creator(image, footer->creator);
    vhd_footer_notes(image, footers);
    if (size % SECTOR_SIZE)
        notes_add(&image->notes, "the disk's last %u bytes make no whole sector and are left out",
                  size % SECTOR_SIZE);

    if (be32_get(footer->version) >> 16 != VHD_VERSION_MAJOR)
        return fail(f, ERR_UNSUPPORTED, "a VHD of version %x", be32_get(footer->version));
    if (!image->sectors)
        return fail(f, ERR_IMAGE, "the VHD footer says that the disk has %u bytes", size);
    switch (type) {
    case VHD_FIXED:
        return vhd_open_fixed(image, footers, f);
    case VHD_DYNAMIC:
    case VHD_DIFFERENCING:
        return vhd_dynamic_open(image, footers, a, f);
    }
    return fail(f, ERR_IMAGE, "a VHD of unknown type %u", type);
}

enum err vhd_open(struct image *image, struct file *file, struct arena *a, struct fail *f)
{
    *image = (struct image){.file = file, .format = IMAGE_VHD};
    struct vhd_footers footers;
    enum err err = vhd_footer_find(&footers, file, f);
    if (!err)
        err = vhd_footer_choose(&footers, f);
    if (!err)
        err = vhd_open_footers(image, &footers, a, f);
    return err ? fail_subject(f, file->path) : ERR_OK;
}
