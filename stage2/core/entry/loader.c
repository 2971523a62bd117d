/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The marks that tell loaders apart, most certain ones first, and a contract for each. */
#include "core/entry/loader.h"
#include "core/base/arena.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/path.h"
#include "core/base/text.h"
#include "core/ntfs/ntfs.h"

#define RECORD_ADDRESS  0x7c00u
#define NT_ADDRESS      0x20000u
#define NT_SIZE_LEAST   (192u << 10)
#define FREEDOS_ADDRESS 0x600u
#define FREEDOS_SEGMENT 0x1fe0u /* its stack's and its boot record's: beyond its own end */
#define FREEDOS_STACK   0x7ba0u
#define DOS_ADDRESS     0x700u
#define DOS_BYTES       0x7000u /* it ends below its stack */
#define FREELDR_ADDRESS 0xf800u
#define GRUB2_ADDRESS   0x8000u

#define PE_I386         0x14cu
#define PE_UEFI_FIRST   10u /* subsystems of UEFI: 10 to 13 */
#define PE_UEFI_LAST    13u

static const struct loader boot_record = {
    .name = "a boot record", .address = RECORD_ADDRESS, .ip = RECORD_ADDRESS, .interrupts = true};
static const struct loader ntldr = {
    .name = "NTLDR", .address = NT_ADDRESS, .cs = NT_ADDRESS >> 4, .first_drive = true};
static const struct loader bootmgr = {
    .name = "bootmgr", .address = NT_ADDRESS, .cs = NT_ADDRESS >> 4};
static const struct loader cmldr = {.name = "CMLDR",
                                    .address = NT_ADDRESS,
                                    .cs = NT_ADDRESS >> 4,
                                    .first_drive = true,
                                    .recovery = true};
static const struct loader grldr = {.name = "GRUB4DOS' grldr",
                                    .address = RECORD_ADDRESS,
                                    .ip = RECORD_ADDRESS,
                                    .partition_in_dh = true};
static const struct loader grub2 = {
    .name = "GRUB's core.img", .address = GRUB2_ADDRESS, .ip = GRUB2_ADDRESS + SECTOR_SIZE};
static const struct loader grub2_behind_boot_img = {.name = "GRUB's core.img behind its boot.img",
                                                    .address = GRUB2_ADDRESS - SECTOR_SIZE,
                                                    .ip = GRUB2_ADDRESS + SECTOR_SIZE};
static const struct loader freedos = {.name = "FreeDOS' kernel",
                                      .address = FREEDOS_ADDRESS,
                                      .cs = FREEDOS_ADDRESS >> 4,
                                      .ss = FREEDOS_SEGMENT,
                                      .sp = FREEDOS_STACK,
                                      .ds = FREEDOS_SEGMENT,
                                      .record = (FREEDOS_SEGMENT << 4) + RECORD_ADDRESS};
static const struct loader dos = {.name = "IO.SYS",
                                  .address = DOS_ADDRESS,
                                  .bytes = DOS_BYTES,
                                  .cs = DOS_ADDRESS >> 4,
                                  .first_drive = true};
static const struct loader dos7 = {.name = "IO.SYS of MS-DOS 7 or later",
                                   .address = DOS_ADDRESS,
                                   .bytes = DOS_BYTES,
                                   .cs = DOS_ADDRESS >> 4,
                                   .ip = 0x200,
                                   .first_drive = true};
static const struct loader freeldr = {
    .name = "ReactOS' freeldr", .address = FREELDR_ADDRESS, .ip = FREELDR_ADDRESS};

/* Names that decide where contents do not. */
static const struct {
    const char *name;
    const struct loader *loader;
} by_name[] = {
    {"bootmgr", &bootmgr}, {"ntldr", &ntldr},         {"setupldr.bin", &ntldr},
    {"cmldr", &cmldr},     {"freeldr.sys", &freeldr}, {"kernel.sys", &freedos},
    {"io.sys", &dos},      {"ibmbio.com", &dos},      {"winboot.sys", &dos},
};

static bool is_named(const char *path, const char *name)
{
    const char *last = path_last_part(path);
    return text_same_caseless(last, text_length(last), name);
}

static bool bytes_at(struct view file, uint64_t off, const char *bytes, size_t size)
{
    const void *at = view_at(file, off, size);
    return at && !memcmp(at, bytes, size);
}

/* Do the first `within` bytes hold the word? */
static bool holds(struct view file, size_t within, const char *word)
{
    size_t n = text_length(word);
    size_t end = file.size < within ? file.size : within;
    for (size_t at = 0; at + n <= end; at++) {
        if (file.data[at] == (uint8_t)word[0] && !memcmp(file.data + at, word, n))
            return true;
    }
    return false;
}

/* NTLDR, SETUPLDR.BIN and bootmgr start with the same jump; CMLDR is told by its name. */
static const struct loader *nt_loader(struct view file, const char *path)
{
    const uint8_t *start = view_at(file, 0, 4);
    if (!start || start[0] != 0xe9 || start[2] != 0x01 || file.size <= NT_SIZE_LEAST ||
        bytes_at(file, 510, "\x55\xaa", 2))
        return NULL;
    if (is_named(path, "cmldr"))
        return &cmldr;
    bool is_bootmgr = holds(file, 64u << 10, "BOOTMGR") || is_named(path, "bootmgr");
    return is_bootmgr ? &bootmgr : &ntldr;
}

static uint32_t get32(struct view file, uint64_t off)
{
    const le32 *at = view_at(file, off, sizeof *at);
    return at ? le32_get(*at) : 0;
}

static uint16_t get16(struct view file, uint64_t off)
{
    const le16 *at = view_at(file, off, sizeof *at);
    return at ? le16_get(*at) : 0;
}

/* A program with a PE header: its base and entry are in there. */
static enum err portable_loader(struct loader *loader, struct view file, uint32_t pe,
                                struct fail *f)
{
    uint32_t subsystem = get16(file, (uint64_t)pe + 24 + 68);
    uint32_t entry = get32(file, (uint64_t)pe + 24 + 16);
    uint32_t base = get32(file, (uint64_t)pe + 24 + 28);
    if (subsystem >= PE_UEFI_FIRST && subsystem <= PE_UEFI_LAST)
        return fail(f, ERR_UNSUPPORTED, "this is a program for UEFI, which a BIOS cannot start", 0);
    if (get16(file, (uint64_t)pe + 4) != PE_I386 || base & 15 || entry >= file.size ||
        base >= LOADER_FILE_MAX)
        return fail(f, ERR_UNSUPPORTED, "this is a program of Windows, no loader", 0);
    *loader = freeldr;
    loader->address = base;
    loader->cs = (uint16_t)((base + (entry & ~0xffffu)) >> 4);
    loader->ip = (uint16_t)entry;
    return ERR_OK;
}

/* A file that starts with "MZ". */
static enum err mz_loader(struct loader *loader, struct view file, struct fail *f)
{
    uint32_t pe = get32(file, 0x3c);
    if (bytes_at(file, pe, "PE\0", 4))
        return portable_loader(loader, file, pe, f);
    if (!bytes_at(file, 0x200, "BJ", 2))
        return fail(f, ERR_UNSUPPORTED, "this is a program of DOS, no loader", 0);
    *loader = dos7;
    return ERR_OK;
}

/* A freeldr.sys' first sector is a helper for FAT with 55AAh at its end, as if it were a boot
 * record; it starts with a jump over it. */
static bool is_freeldr(struct view file, const char *path)
{
    return holds(file, file.size, "freeldr.ini") ||
           (bytes_at(file, 0, "\xe9\xfd\x01", 3) &&
            (is_named(path, "freeldr.sys") || holds(file, file.size, "FreeLoader")));
}

/* Such a file says who it is; not all have 55AAh at 510. */
static bool is_grldr(struct view file, const char *path)
{
    bool record = bytes_at(file, 510, "\x55\xaa", 2);
    return is_named(path, "grldr") ||
           (holds(file, 64u << 10, "GRLDR") && (record || holds(file, 64u << 10, "GRUB4DOS")));
}

/* GRUB's core.img starts with a sector that loads the rest; behind it this jump is what runs. */
static bool is_core_img(struct view file, uint64_t off)
{
    return bytes_at(file, off + SECTOR_SIZE, "\xea", 1) &&
           bytes_at(file, off + SECTOR_SIZE + 2, "\x82\0\0", 3);
}

/* The contract by the contents; NULL: they do not say. */
static const struct loader *by_contents(struct view file, const char *path)
{
    const struct loader *nt = nt_loader(file, path);
    if (nt)
        return nt;
    if (bytes_at(file, 2, "CONFIG", 6))
        return &freedos;
    if (is_freeldr(file, path))
        return &freeldr;
    if (is_grldr(file, path))
        return &grldr;
    if (is_core_img(file, 0))
        return &grub2;
    if (bytes_at(file, 510, "\x55\xaa", 2))
        return is_core_img(file, SECTOR_SIZE) ? &grub2_behind_boot_img : &boot_record;
    return holds(file, 64u << 10, "MSDOS   SYS") ? &dos : NULL;
}

/* Is its size one that can be? */
static enum err size_check(uint64_t size, struct fail *f)
{
    if (size < SECTOR_SIZE)
        return fail(f, ERR_UNSUPPORTED, "the file has %u bytes: less than any loader", size);
    if (size > LOADER_FILE_MAX)
        return fail(f, ERR_UNSUPPORTED,
                    "the file has %u bytes: only loaders of up to 500 KiB can be started", size);
    return ERR_OK;
}

/* Files that only another loader can start. */
static enum err others_check(struct view file, struct fail *f)
{
    if (bytes_at(file, 0, "\r\nSYSLINUX ", 11))
        return fail(f, ERR_UNSUPPORTED,
                    "only the boot record that SYSLINUX wrote finds all of this file: name a copy "
                    "of that record",
                    0);
    if (bytes_at(file, 514, "HdrS", 4))
        return fail(f, ERR_UNSUPPORTED,
                    "this is a kernel of Linux or one in its form, which GRUB or SYSLINUX starts: "
                    "name one of these",
                    0);
    return ERR_OK;
}

/* What all contracts have in common, where theirs says nothing else. */
static void complete(struct loader *loader, struct view file)
{
    if (!loader->bytes || loader->bytes > file.size)
        loader->bytes = (uint32_t)file.size;
    if (!loader->sp)
        loader->sp = RECORD_ADDRESS;
    if (!loader->record)
        loader->record = RECORD_ADDRESS;
}

enum err loader_judge(struct loader *loader, struct view file, const char *path, struct fail *f)
{
    enum err err = size_check(file.size, f);
    if (!err)
        err = others_check(file, f);
    if (err)
        return fail_subject(f, path);
    const struct loader *found = NULL;
    if (bytes_at(file, 0, "MZ", 2)) {
        err = mz_loader(loader, file, f);
    } else {
        found = by_contents(file, path);
        for (unsigned i = 0; !found && i < sizeof by_name / sizeof by_name[0]; i++) {
            if (is_named(path, by_name[i].name))
                found = by_name[i].loader;
        }
        if (found)
            *loader = *found;
        else
            err = fail(f, ERR_UNSUPPORTED,
                       "this is neither a loader that is known nor a boot record (55AAh at byte "
                       "510)",
                       0);
    }
    if (err)
        return fail_subject(f, path);
    complete(loader, file);
    return ERR_OK;
}

enum err loader_load(struct loader *loader, struct view *contents, struct file *file,
                     struct ntfs *volume, const char *path, struct arena *a, struct fail *f)
{
    enum err err = ntfs_open(volume, path, file, f);
    if (!err)
        err = size_check(file->size, f);
    uint8_t *data = err ? NULL : arena_alloc(a, file->size);
    if (!err && !data)
        err = fail(f, ERR_MEMORY, "no memory for the loader's %u bytes", file->size);
    if (!err)
        err = file_read(file, 0, data, (uint32_t)file->size, f);
    if (err)
        return fail_subject(f, path);
    *contents = (struct view){data, (size_t)file->size};
    return loader_judge(loader, *contents, file->path, f);
}

enum err loader_room_check(const struct loader *loader, uint32_t low_end, struct fail *f)
{
    uint32_t end = loader->address + loader->bytes;
    uint32_t limit = low_end;
    if (loader->record > RECORD_ADDRESS) { /* its stack lies there, below the boot record */
        limit = ((uint32_t)loader->ss << 4) + loader->sp - 0x400;
        if (loader->record + SECTOR_SIZE > low_end)
            limit = 0;
    }
    if (loader->address < FREEDOS_ADDRESS || end > limit)
        return fail(f, ERR_MEMORY, "conventional memory has no room for this loader's %u bytes",
                    loader->bytes);
    return ERR_OK;
}
