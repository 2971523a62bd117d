/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads an NTFS volume, never writes. Promises: every structure is checked before it is used, every
 * loop over disk data is bounded, nothing outside the volume is read, no file of the volume can
 * make it use memory beyond the caller's arena.
 */
#ifndef CORE_NTFS_NTFS_H
#define CORE_NTFS_NTFS_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"
#include "core/base/file.h"

struct arena;
struct blk;
struct ntfs_sectors;
struct ntfs_mft;
struct ntfs_upcase;

/* 32 UTF-16 units, as Windows allows, in UTF-8. */
#define NTFS_LABEL_MAX (32 * 3 + 1)

struct ntfs {
    struct blk *drive;
    struct arena *arena;
    uint64_t start_lba;     /* of the partition on the drive */
    unsigned cluster_shift; /* log2 of sectors a cluster: LBAs of 512 bytes */
    uint64_t clusters;
    uint32_t record_size; /* bytes of an MFT record */
    uint32_t index_size;  /* bytes of an index block, as the boot sector says */
    uint16_t sector_size; /* bytes, as the boot sector says: 512..4096 */
    uint64_t serial;
    char label[NTFS_LABEL_MAX]; /* UTF-8; empty where the volume has none */
    uint8_t version_major, version_minor;
    bool dirty;       /* $Volume's flag */
    bool log_unclean; /* $LogFile has work that was not done */
    bool hibernated;  /* hiberfil.sys holds a sleeping Windows */
    struct notes notes;

    /* The reader's own. */
    struct ntfs_sectors *sectors; /* sectors.h: the read cache */
    struct ntfs_mft *mft;         /* mft.h: $MFT's runs */
    struct ntfs_upcase *upcase;   /* upcase.h: the table of letter cases */
};

/*
 * Opens the volume at start_lba; `sectors` is the partition's size (UINT64_MAX: unknown, then the
 * boot sector's figure is checked against the drive only). Memory for $MFT's runs, $UpCase and
 * buffers comes from `arena` and is kept as long as the volume is used. Fails with ERR_NOT_NTFS,
 * ERR_BITLOCKER, ERR_CORRUPT, ERR_READ, ERR_MEMORY. Fills in the state flags (dirty, log_unclean,
 * hibernated); a flag that cannot be read is a note, not a failure.
 */
MUST_CHECK enum err ntfs_mount(struct ntfs *vol, struct blk *drive, uint64_t start_lba,
                               uint64_t sectors, struct arena *arena, struct fail *f);

/*
 * Opens a file by path: UTF-8, / or \ between the parts, a leading one optional, compared through
 * the volume's $UpCase, 8.3 names too. A suffix ":stream" opens a named stream. Reading works for
 * resident, plain, sparse and compressed files; ERR_ENCRYPTED and ERR_REPARSE are refused here.
 * file->path becomes the path as stored on the volume, with backslashes and a leading one.
 */
MUST_CHECK enum err ntfs_open(struct ntfs *vol, const char *path, struct file *file,
                              struct fail *f);

/* The volume that an open file lies on. */
const struct ntfs *ntfs_volume_of(const struct file *file);

/* Which file it is, by whatever name it was opened, and when. Streams of one file count as one. */
struct ntfs_identity {
    const struct blk *drive;
    uint64_t start_lba, record;
};
struct ntfs_identity ntfs_identify(const struct file *file);
bool ntfs_same_file(const struct ntfs_identity *a, const struct ntfs_identity *b);

/* When the file's data were written last by a program that keeps such times: 100 ns since 1601,
 * UTC. What goes straight to the file's sectors, as our own writes do, does not change it.
 * ERR_CORRUPT. */
MUST_CHECK enum err ntfs_written(const struct file *file, uint64_t *time, struct fail *f);

struct ntfs_dirent {
    uint64_t record; /* MFT record number */
    uint64_t size;   /* bytes, as the index entry says: may be old */
    uint32_t attributes;
    bool directory;
    char name[255 * 3 + 1]; /* UTF-8 */
};

/* Calls `each` for every name of the directory in index order, 8.3 twins and system files (records
 * below 24 except 5's own "."; these names are on the volume but not the user's) left out; a
 * false return ends the walk early. */
MUST_CHECK enum err ntfs_list(struct ntfs *vol, const char *path,
                              bool (*each)(void *ctx, const struct ntfs_dirent *entry), void *ctx,
                              struct fail *f);

/* What stands in the way of writing to files of this volume: ERR_HIBERNATED, ERR_CORRUPT for an
 * unclean log; ERR_OK. */
MUST_CHECK enum err ntfs_writable(const struct ntfs *vol, struct fail *f);

#endif
