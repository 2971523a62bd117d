/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The header that core makes, over the one that does not count. */
#include "flash/renew.h"
#include <string.h>
#include "core/base/image.h"
#include "core/base/note.h"
#include "core/vhdx/format.h"
#include "host/device.h"
#include "host/random.h"

enum status renew_ids(struct edit *e, const struct chain_link *link, enum vhdx_change change,
                      uint8_t file_id[16])
{
    uint8_t seed[16], page[VHDX_HEADER_SIZE], note[SLACK_NOTE_SIZE];
    uint64_t header_at, note_at;
    struct fail f;
    if (link->image.format != IMAGE_VHDX)
        return STATUS_OK;
    enum status status = random_fill(seed, sizeof seed);
    if (status)
        return status;
    if (vhdx_header_next(&link->image, change, seed, page, &header_at, &f))
        return say_fail(&f);
    bool noted = vhdx_note_next(&link->image, page, note, &note_at);
    bool ok = edit_sync(e) && edit_write_at(e, &link->extents, header_at, page, sizeof page) &&
              edit_sync(e);
    if (ok && noted)
        ok = edit_write_at(e, &link->extents, note_at, note, sizeof note) && edit_sync(e);
    if (ok && file_id)
        memcpy(file_id, ((const struct vhdx_header *)page)->file_write_id, 16);
    return ok ? STATUS_OK : device_write_failed(&e->session.device);
}
