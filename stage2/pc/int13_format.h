/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What INT 13h and its callers hand each other in memory: stage2 reads it from the BIOS, the
 * resident handler hands it to its guest.
 */
#ifndef STAGE2_PC_INT13_FORMAT_H
#define STAGE2_PC_INT13_FORMAT_H

#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"

/* The interface that AH=41h reports in CX. */
#define EDD_INTERFACE_ACCESS    0x0001 /* AH=42h, 43h, 44h, 47h, 48h */
#define EDD_INTERFACE_FUNCTIONS 0x0004 /* AH=48h and 4Eh of enhanced drives */

/* The disk address packet of AH=42h, 43h, 44h and 47h. In the processor's own integers: the handler
 * computes in it on every call. */
struct edd_packet {
    uint8_t size;     /* 0x0: 10h; of a later version's, 18h */
    uint8_t zero;     /* 0x1 */
    uint16_t count;   /* 0x2: sectors; out: those that were transferred */
    uint16_t offset;  /* 0x4: of the buffer */
    uint16_t segment; /* 0x6 */
    uint64_t lba;     /* 0x8 */
};
static_assert(sizeof(struct edd_packet) == 16, "disk address packet");
static_assert(offsetof(struct edd_packet, lba) == 0x8, "disk address packet");

/* The answer to AH=48h, up to EDD 2.0. */
struct edd_parameters {
    le16 size;              /* 0x00: bytes of this; in: of the buffer */
    le16 flags;             /* 0x02 */
    le32 cylinders;         /* 0x04: this one and the next two with EDD_GEOMETRY_VALID */
    le32 heads;             /* 0x08 */
    le32 sectors_per_track; /* 0x0c */
    le64 sectors;           /* 0x10 */
    le16 sector_size;       /* 0x18 */
    le32 extension;         /* 0x1a: far pointer to the device parameter table extension */
};
static_assert(sizeof(struct edd_parameters) == 0x1e, "AH=48h");
static_assert(offsetof(struct edd_parameters, extension) == 0x1a, "AH=48h");

#define EDD_DMA_BORDERS_HANDLED 0x0001 /* flags: buffers may cross 64 KiB */
#define EDD_GEOMETRY_VALID      0x0002
#define EDD_NO_EXTENSION        0xffffffffu

/* The least that AH=48h takes for a buffer: up to sector_size. */
#define EDD_PARAMETERS_LEAST    0x1a

/* The fixed disk parameter table that INT 41h points at. */
struct fdpt {
    le16 cylinders;            /* 0x0 */
    uint8_t heads;             /* 0x2 */
    le16 reduced_current;      /* 0x3: of the PC/XT */
    le16 precompensation;      /* 0x5: FDPT_NO_PRECOMPENSATION, or the first cylinder with it */
    uint8_t ecc_burst;         /* 0x7: of the PC/XT */
    uint8_t control;           /* 0x8 */
    uint8_t timeout[3];        /* 0x9: of the PC/XT */
    le16 landing_zone;         /* 0xc: a cylinder */
    uint8_t sectors_per_track; /* 0xe */
    uint8_t reserved;          /* 0xf */
};
static_assert(sizeof(struct fdpt) == 16, "fixed disk parameter table");
static_assert(offsetof(struct fdpt, landing_zone) == 0xc, "fixed disk parameter table");

#define FDPT_NO_PRECOMPENSATION 0xffff
#define FDPT_OVER_8_HEADS       0x08 /* control */

#endif
