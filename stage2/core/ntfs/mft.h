/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The master file table: finds its own pieces, then gives out records by number. */
#ifndef CORE_NTFS_MFT_H
#define CORE_NTFS_MFT_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"
#include "core/ntfs/attr.h"

struct ntfs;

struct ntfs_mft {
    unsigned record_shift; /* log2 of bytes an MFT record */
    uint64_t lcn, mirror_lcn;
    bool ready;                /* all of its runs are known */
    struct ntfs_attr data;     /* its $DATA */
    uint8_t *extension;        /* buffer of the extension record read last */
    uint64_t extension_number; /* which; UINT64_MAX: none */
};

/* Reads $MFT's own record and all its runs. Needs vol's geometry, the LCNs and record_shift. */
MUST_CHECK enum err ntfs_mft_open(struct ntfs *vol, struct fail *f);

/* Reads, restores and checks record `number` into `buf` (vol->record_size bytes). A torn record
 * among the first four comes from $MFTMirr, with a note. */
MUST_CHECK enum err ntfs_mft_read(struct ntfs *vol, uint64_t number, uint8_t *buf, struct fail *f);

/* The extension record that `reference` names, which must belong to base record `base` with that
 * sequence number. The buffer is the volume's and holds until the next call. */
MUST_CHECK enum err ntfs_mft_extension(struct ntfs *vol, uint64_t reference, uint64_t base,
                                       uint16_t base_sequence, const uint8_t **record,
                                       struct fail *f);

/* Checks that the record in `buf` is in use and has the reference's sequence number (0: any). */
MUST_CHECK enum err ntfs_mft_match(const uint8_t *buf, uint64_t reference, struct fail *f);

#endif
