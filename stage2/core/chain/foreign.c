/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By the marks at the places where each kind keeps them; nothing else of the file is read. */
#include "core/chain/foreign.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/base/mem.h"

struct mark {
    uint32_t offset;
    uint32_t length;
    bool image; /* in which a disk lies: not to be taken for the disk itself */
    const char *bytes, *sentence;
};

static const struct mark marks[] = {
    {0, 4, true, "QFI\xfb", "is a QCOW2 image, not a VHD or VHDX"},
    {0, 4, true, "KDMV", "is a VMDK image, not a VHD or VHDX"},
    {0, 21, true, "# Disk DescriptorFile", "is a VMDK image, not a VHD or VHDX"},
    {64, 4, true, "\x7f\x10\xda\xbe", "is a VDI image, not a VHD or VHDX"},
    {0x8001, 5, false, "CD001", "is an ISO image of a CD or DVD, not a VHD or VHDX"},
    /* Last: many others have it as well. */
    {510, 2, false, "\x55\xaa", "lacks a VHD footer: a raw disk, or a fixed VHD that lost it"},
};

enum err foreign_judge(struct file *file, bool is_raw, struct fail *f)
{
    if (file->initialized < file->size)
        return ERR_OK; /* its end, with a footer perhaps, was never written: opening it says so */
    for (unsigned i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const struct mark *m = &marks[i];
        uint8_t bytes[32];
        if ((is_raw && !m->image) || !range_ok(m->offset, m->length, file->size))
            continue;
        enum err err = file_read(file, m->offset, bytes, m->length, f);
        if (err)
            return err;
        if (!memcmp(bytes, m->bytes, m->length))
            return fail(f, ERR_FOREIGN, m->sentence, 0);
    }
    return ERR_OK;
}
