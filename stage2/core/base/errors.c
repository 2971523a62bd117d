/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Failures and notes into sentences, and the advice that goes with each kind. */
#include "core/base/errors.h"
#include <stdbool.h>
#include "core/base/mem.h"
#include "core/base/text.h"

enum err fail(struct fail *f, enum err err, const char *sentence, uint64_t value)
{
    f->err = err;
    f->sentence = sentence;
    f->value = value;
    f->other = 0;
    f->subject[0] = '\0';
    return err;
}

enum err fail_two(struct fail *f, enum err err, const char *sentence, uint64_t value,
                  uint64_t other)
{
    (void)fail(f, err, sentence, value);
    f->other = other;
    return err;
}

enum err fail_subject(struct fail *f, const char *subject)
{
    if (!f->subject[0]) {
        struct text t;
        text_init(&t, f->subject, sizeof f->subject);
        text_str(&t, subject);
    }
    return f->err;
}

void errors_format(const struct fail *f, char *buf, size_t size)
{
    struct text t;
    text_init(&t, buf, size);
    if (f->subject[0]) {
        text_str(&t, f->subject);
        text_str(&t, f->sentence[0] == ' ' ? "" : ": ");
    }
    text_sentence(&t, f->sentence, f->value, f->other);
}

const char *errors_advice(enum err err)
{
    switch (err) {
    case ERR_OK:
        break;
    case ERR_READ:
        return "The drive may be failing or badly seated: try another port, then copy what is on "
               "it.";
    case ERR_WRITE:
        return "The drive may be write-protected, full of worn-out cells, or failing.";
    case ERR_CORRUPT:
        return "Run chkdsk on the volume, or copy its files to a new one.";
    case ERR_CUT_OFF:
        return "Copy it again, to a drive that is as large as the first one.";
    case ERR_IMAGE:
        return "Take the image from a backup, or let the tool that made it check it.";
    case ERR_NOT_FOUND:
        return "Check the name and the folder in vhdboot.cfg; paths start at the volume's root.";
    case ERR_PARTITION:
        return "Name a drive with an NTFS partition (fdisk -l lists them), or one NTFS volume.";
    case ERR_NOT_NTFS:
        return "Format the partition as NTFS, or name the right one.";
    case ERR_BITLOCKER:
        return "Turn BitLocker off for this volume: nothing can read it before Windows runs.";
    case ERR_UNSUPPORTED:
        return "Convert it to a kind that is supported; the README lists them.";
    case ERR_COMPRESSED:
        return "Clear the file's compression attribute (compact /u), or copy it to an "
               "uncompressed folder.";
    case ERR_ENCRYPTED:
        return "Clear the file's encryption attribute (cipher /d) under the account that set it.";
    case ERR_SPARSE:
        return "Or set write = none: it can be read as it is.";
    case ERR_UNINIT:
        return "Or set write = none: it can be read as it is.";
    case ERR_RESIDENT:
        return "This file is too small to be a disk image: name the right one.";
    case ERR_REPARSE:
        return "Put the file itself on this volume: links, deduplicated, WOF-compressed and "
               "cloud files cannot be mapped.";
    case ERR_HIBERNATED:
        return "Start that Windows and shut it down fully (shutdown /s /f /t 0), "
               "or set force = yes.";
    case ERR_PARENT:
        return "Put the parent that this disk was made from where the child looks for it.";
    case ERR_MEMORY:
        return "The machine needs more memory for a disk of this size and fragmentation.";
    case ERR_LIMIT:
        return "Defragment the file, or make the disk smaller.";
    case ERR_CONFIG:
        return "Correct vhdboot.cfg.";
    case ERR_NO_SYSTEM:
        return "Install a system for BIOS (Generation 1) on it, or choose another entry.";
    case ERR_FOREIGN:
        return "Convert it (qemu-img convert -O vpc -o force_size=on OLD NEW.vhd).";
    case ERR_BIOS:
        return "Try another port or another drive, or a newer BIOS.";
    }
    return "";
}

/* Does `longer` say all that `sentence` says, and then more behind a colon? */
static bool goes_on(const char *sentence, const char *longer)
{
    size_t length = text_length(sentence);
    return length < text_length(longer) && longer[length] == ':' &&
           !memcmp(sentence, longer, length);
}

static void notes_append(struct notes *n, const char *subject, const char *sentence, uint64_t value)
{
    for (unsigned i = 0; i < n->count; i++) {
        if (n->note[i].subject != subject)
            continue;
        if (!text_compare(n->note[i].sentence, sentence))
            return;
        if (goes_on(n->note[i].sentence, sentence)) {
            n->note[i].sentence = sentence;
            n->note[i].value = value;
            return;
        }
    }
    if (n->count == NOTES_MAX) {
        memmove(&n->note[0], &n->note[1], sizeof n->note[0] * (NOTES_MAX - 1));
        n->count--;
    }
    n->note[n->count].subject = subject;
    n->note[n->count].sentence = sentence;
    n->note[n->count].value = value;
    n->count++;
}

void notes_add(struct notes *n, const char *sentence, uint64_t value)
{
    notes_append(n, NULL, sentence, value);
}

void notes_add_all(struct notes *n, const struct notes *from, const char *subject)
{
    for (unsigned i = 0; i < from->count; i++)
        notes_append(n, subject, from->note[i].sentence, from->note[i].value);
}

void notes_format(const struct notes *n, unsigned index, char *buf, size_t size)
{
    struct text t;
    text_init(&t, buf, size);
    if (n->note[index].subject) {
        t.size = size / 2 + 1; /* a long path leaves room for what there is to say */
        text_str(&t, n->note[index].subject);
        t.size = size;
        text_str(&t, ": ");
    }
    text_sentence(&t, n->note[index].sentence, n->note[index].value, 0);
}
