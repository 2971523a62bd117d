/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes the next header, with new ids. */
#include "core/vhdx/write.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/base/mem.h"
#include "core/base/note.h"
#include "core/vhdx/format.h"
#include "core/vhdx/state.h"

static_assert(VHDX_HEADER_SIZE == 4096, "vhdx_header_next's page");

enum id_use { ID_OF_FILE, ID_OF_DATA };

/*
 * A random (version 4) GUID from the seed, as Microsoft stores it: version in the high bits of byte
 * 7, variant in those of byte 8. The sequence number goes in as well, so that a machine whose
 * clock always says the same does not return to an id that a child may have noted down.
 */
static void id_make(uint8_t id[16], const uint8_t seed[16], uint64_t sequence, enum id_use use,
                    const struct vhdx_header *old)
{
    memcpy(id, seed, 16);
    for (unsigned i = 0; i < 6; i++)
        id[i] ^= (uint8_t)(sequence >> 8 * i);
    id[7] = (id[7] & 0x0f) | 0x40;
    id[8] = (id[8] & 0x3f) | 0x80;
    id[15] = (id[15] & 0xfe) | use; /* the two new ones differ */
    while (!memcmp(id, old->file_write_id, 16) || !memcmp(id, old->data_write_id, 16))
        id[9]++; /* ends: after two rounds, there are two old ids */
}

enum err vhdx_header_next(const struct image *image, enum vhdx_change change,
                          const uint8_t seed[16], uint8_t page[4096], uint64_t *file_offset,
                          struct fail *f)
{
    const struct vhdx *v = image->ctx;
    const struct vhdx_header *old = &v->header;
    uint64_t sequence = le64_get(old->sequence) + 1;
    enum err err = ERR_OK;
    if (image->read_only || v->log_in_use)
        err = fail(f, ERR_UNSUPPORTED, "the VHDX cannot be written: it was not closed", 0);
    else if (!sequence)
        err = fail(f, ERR_IMAGE, "the VHDX header's sequence number %x has no successor",
                   le64_get(old->sequence));
    if (err)
        return fail_subject(f, image->file->path);

    struct vhdx_header *header = (struct vhdx_header *)page;
    memset(page, 0, VHDX_HEADER_SIZE);
    *header = *old;
    header->sequence = le64_make(sequence);
    id_make(header->file_write_id, seed, sequence, ID_OF_FILE, old);
    if (change == VHDX_CHANGES_DISK)
        id_make(header->data_write_id, seed, sequence, ID_OF_DATA, old);
    memset(header->log_id, 0, sizeof header->log_id);
    header->crc = le32_make(vhdx_crc(page, VHDX_HEADER_SIZE));
    *file_offset = v->header_offset == VHDX_HEADER_1 ? VHDX_HEADER_2 : VHDX_HEADER_1;
    return ERR_OK;
}

bool vhdx_note_next(const struct image *image, const uint8_t page[4096], uint8_t note[512],
                    uint64_t *file_offset)
{
    const struct vhdx *v = image->ctx;
    const struct vhdx_header *next = (const struct vhdx_header *)page;
    struct slack_note *sector = (struct slack_note *)note;
    struct fail ignored;
    uint64_t end = image->file->size >> SECTOR_SHIFT << SECTOR_SHIFT, first;
    if (end < sizeof *sector)
        return false;
    *file_offset = end - sizeof *sector;
    if (file_read(image->file, *file_offset, sector, sizeof *sector, &ignored) ||
        !slack_note_fits(sector, v->header.file_write_id, *file_offset, &first))
        return false;
    slack_note_make(sector, next->file_write_id, first, *file_offset);
    return true;
}
