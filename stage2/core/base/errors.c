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

static const char *const advice[] = {
    [ERR_READ] = "The drive may be failing or badly seated: try another port, then copy what is on "
                 "it.",
    [ERR_WRITE] = "The drive may be write-protected, full of worn-out cells, or failing.",
    [ERR_CORRUPT] = "Run chkdsk on the volume, or copy its files to a new one.",
    [ERR_CUT_OFF] = "Copy it again, to a drive that is as large as the first one.",
    [ERR_IMAGE] = "Take the image from a backup, or let the tool that made it check it.",
    [ERR_HIVE] =
        "Take this registry file from a backup; a boot store can be made anew by bcdboot, or "
        "mkimage windows boot.",
    [ERR_STORE] =
        "mkimage windows boot makes \\Boot\\BCD, with an entry for each image of the stick.",
    [ERR_NOT_FOUND] =
        "Check the name and the folder in vhdboot.cfg; paths start at the volume's root.",
    [ERR_PARTITION] =
        "Name a drive with an NTFS partition (fdisk -l lists them), or one NTFS volume.",
    [ERR_NOT_NTFS] = "Format the partition as NTFS, or name the right one.",
    [ERR_BITLOCKER] =
        "Turn BitLocker off for this volume: nothing can read it before Windows runs.",
    [ERR_UNSUPPORTED] = "Convert it to a kind that is supported; the README lists them.",
    [ERR_COMPRESSED] = "Clear the file's compression attribute (compact /u), or copy it to an "
                       "uncompressed folder.",
    [ERR_ENCRYPTED] =
        "Clear the file's encryption attribute (cipher /d) under the account that set it.",
    [ERR_SPARSE] = "Or set write = none: it can be read as it is.",
    [ERR_UNINIT] = "Or set write = none: it can be read as it is.",
    [ERR_RESIDENT] = "This file is too small to be a disk image: name the right one.",
    [ERR_REPARSE] = "Put the file itself on this volume: links, deduplicated, WOF-compressed and "
                    "cloud files cannot be mapped.",
    [ERR_HIBERNATED] = "Start that Windows and shut it down fully (shutdown /s /f /t 0), "
                       "or set force = yes.",
    [ERR_PARENT] =
        "Put the parent that this disk was made from where the child looks for it; where it "
        "was replaced for good, mkimage rollback --drop gives the child up.",
    [ERR_UNFINISHED] = "Finish it: mkimage merge, on the entry that starts the child.",
    [ERR_MEMORY] = "The machine needs more memory for a disk of this size and fragmentation.",
    [ERR_LIMIT] = "Defragment the file, or make the disk smaller.",
    [ERR_CONFIG] = "Correct vhdboot.cfg.",
    [ERR_NO_SYSTEM] = "Install a system for BIOS (Generation 1) on it, or choose another entry.",
    [ERR_FOREIGN] = "Convert it (qemu-img convert -O vpc -o force_size=on OLD NEW.vhd).",
    [ERR_STOPPED] = "Start it again, or choose another entry.",
    [ERR_BIOS] = "Try another port or another drive, or a newer BIOS.",
};

const char *errors_advice(enum err err)
{
    bool known = (unsigned)err < sizeof advice / sizeof advice[0] && advice[err];
    return known ? advice[err] : "";
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
