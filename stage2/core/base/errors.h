/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How core reports that something failed, and what is odd but no failure.
 *
 * A function that can fail returns enum err and takes a struct fail as its last parameter. It fails
 * once, where the fact is known, with one sentence and at most one number; callers pass the code
 * on and at most add the subject (a path, "drive 80h"). The loader's screen and mkimage print the
 * same words, because errors_format() makes both.
 */
#ifndef CORE_BASE_ERRORS_H
#define CORE_BASE_ERRORS_H

#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))

/* What kind of failure: decides the line that says what to do (errors_advice). */
enum err {
    ERR_OK = 0,
    ERR_READ,        /* the drive did not give a sector */
    ERR_WRITE,       /* the drive did not take a sector */
    ERR_CORRUPT,     /* a structure on the volume contradicts itself */
    ERR_CUT_OFF,     /* the drive ends before the volume on it does */
    ERR_IMAGE,       /* a structure in an image file contradicts itself */
    ERR_HIVE,        /* a registry file or boot store contradicts itself */
    ERR_STORE,       /* Windows' boot store does not start the image */
    ERR_NOT_FOUND,   /* no such file or section */
    ERR_PARTITION,   /* no partition table, or no such partition in it */
    ERR_NOT_NTFS,    /* another file system, or none */
    ERR_BITLOCKER,   /* an encrypted volume */
    ERR_UNSUPPORTED, /* valid, but of a kind this version cannot use */
    ERR_COMPRESSED,  /* NTFS-compressed: sectors cannot be mapped */
    ERR_ENCRYPTED,   /* EFS-encrypted: contents cannot be read */
    ERR_SPARSE,      /* holes in the file: nowhere to write */
    ERR_UNINIT,      /* initialised size short of the data size */
    ERR_RESIDENT,    /* contents lie inside the MFT record */
    ERR_REPARSE,     /* contents are elsewhere (link, WOF, dedup, cloud) */
    ERR_HIBERNATED,  /* Windows sleeps on this volume */
    ERR_PARENT,      /* a differencing parent is missing or is another one */
    ERR_UNFINISHED,  /* a change of an image was cut off half-way */
    ERR_MEMORY,      /* not enough memory */
    ERR_LIMIT,       /* beyond a limit that the sentence names */
    ERR_CONFIG,      /* vhdboot.cfg */
    ERR_NO_SYSTEM,   /* nothing on the virtual disk that a BIOS could start */
    ERR_BIOS,        /* the machine's firmware cannot do what is needed */
    ERR_FOREIGN,     /* a disk image of a kind that other programs use */
    ERR_STOPPED,     /* the user wants no more of it */
};

#define FAIL_SUBJECT_MAX 192

struct fail {
    enum err err;
    const char *sentence; /* static; %u or %x in it stands for `value`, %U for `other`; with a blank
                           * at its start it goes on where the subject ends: "x.vhd" " has another
                           * id" */
    uint64_t value, other;
    char subject[FAIL_SUBJECT_MAX]; /* UTF-8 path or drive, may be empty; cut when too long */
};

/* Records the failure in `f`, which may hold an older one, without a subject. Returns `err`. */
enum err fail(struct fail *f, enum err err, const char *sentence, uint64_t value);

/* Likewise with a second number: %U in the sentence. */
enum err fail_two(struct fail *f, enum err err, const char *sentence, uint64_t value,
                  uint64_t other);

/* Names the thing a failure is about. Keeps a subject that is already there. Returns f->err. */
enum err fail_subject(struct fail *f, const char *subject);

/* Writes "subject: sentence" with the number filled in; always NUL-terminated, cut at `size`. */
void errors_format(const struct fail *f, char *buf, size_t size);

/* What the user can do about a failure of this kind: one line, never NULL. */
const char *errors_advice(enum err err);

/* Facts worth telling that stop nothing ("volume is marked dirty"): the newest win when full. */
#define NOTES_MAX 16

struct notes {
    unsigned count;
    struct {
        const char *sentence; /* static; %u or %x stands for value */
        uint64_t value;
        const char *subject; /* what it is about; NULL: that is plain */
    } note[NOTES_MAX];
};

/* Adds a note unless the same sentence is there already. One that says the same and, behind a
 * colon, more takes the other's place. */
void notes_add(struct notes *n, const char *sentence, uint64_t value);

/* Adds all of them, as notes on `subject`, which stays in use; NULL: on what is plain. */
void notes_add_all(struct notes *n, const struct notes *from, const char *subject);

/* Writes note `index` (< count) with its number filled in; always NUL-terminated. */
void notes_format(const struct notes *n, unsigned index, char *buf, size_t size);

#endif
