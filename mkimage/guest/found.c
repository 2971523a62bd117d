/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory is mapped a page at a time: the kernel lets nobody map a range that is partly its own, and
 * gives zeros where /dev/mem is read.
 */
#include "guest/found.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "core/base/endian.h"
#include "core/entry/format.h"

#define PAGE          4096u
#define LOW_END       0xa0000u
#define LOW_KIB       0x413u /* the BIOS' word: KiB of conventional memory */
#define SIGNATURE     "$INT13SFGRUB4DOS"
#define SIGNATURE_AT  0x103u /* in the handler's segment */
#define POINTER_AT    0x1f8u
#define TABLES_MAX    64u /* vhdboots inside each other */
#define COMMAND_WORD  "vhdboot="
#define SERIAL_DIGITS 16u

/* Copies physical memory. False with errno set. */
static bool copy_memory(int fd, uint64_t at, void *to, size_t size)
{
    uint8_t *out = to;
    while (size) { /* ends: size shrinks */
        size_t in = at % PAGE, n = PAGE - in < size ? PAGE - in : size;
        const uint8_t *page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, (off_t)(at - in));
        if (page == MAP_FAILED)
            return false;
        memcpy(out, page + in, n);
        munmap((void *)page, PAGE);
        out += n;
        at += n;
        size -= n;
    }
    return true;
}

/* The table whose address is `at`, if there is one; ERR_NOT_FOUND otherwise. */
static enum err table_load(struct found *found, int fd, uint32_t at, struct fail *f)
{
    uint8_t head[sizeof(struct boottable_head)];
    uint32_t size;
    if (!at || at % BOOTTABLE_BORDER || !copy_memory(fd, at, head, sizeof head))
        return fail(f, ERR_NOT_FOUND, "there is no boot table", 0);
    enum err err = boottable_probe((struct view){head, sizeof head}, &size, f);
    if (err)
        return err;
    found->bytes = malloc(size);
    found->size = size;
    if (!found->bytes)
        return fail(f, ERR_MEMORY, "out of memory", 0);
    if (!copy_memory(fd, at, found->bytes, size))
        err = fail(f, ERR_READ, "the boot table at address %x could not be read", at);
    if (!err)
        err = boottable_parse(&found->table, (struct view){found->bytes, size}, f);
    if (err)
        found_free(found);
    return err;
}

/* The innermost vhdboot's is the lowest. What has the signature and no table is another program's
 * handler. */
static enum err look_in_memory(struct found *found, int fd, struct fail *f)
{
    uint8_t word[2], mark[sizeof SIGNATURE - 1];
    le32 pointer;
    if (!copy_memory(fd, LOW_KIB, word, sizeof word))
        return errno == EPERM ? ERR_NOT_FOUND : ERR_OK;
    uint32_t at = (uint32_t)(word[0] | word[1] << 8) << 10;
    for (unsigned tables = 0; at && at < LOW_END && tables < TABLES_MAX; at += 1024) {
        if (!copy_memory(fd, at + SIGNATURE_AT, mark, sizeof mark) ||
            memcmp(mark, SIGNATURE, sizeof mark) ||
            !copy_memory(fd, at + POINTER_AT, &pointer, sizeof pointer))
            continue;
        enum err err = table_load(found, fd, le32_get(pointer), f);
        if (err == ERR_NOT_FOUND) {
            tables++;
            continue;
        }
        if (err)
            return err;
        found->in = FOUND_MEMORY;
        found->handler = at;
        return ERR_OK;
    }
    return ERR_OK;
}

/* A small file, with a NUL behind it; NULL where there is none. */
static uint8_t *file_load(const char *path, uint32_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *bytes = fd < 0 ? NULL : malloc(BOOTTABLE_BYTES_MAX + 1);
    *size = 0;
    for (ssize_t n = 1; bytes && n > 0 && *size < BOOTTABLE_BYTES_MAX;) { /* ends: at its end */
        n = read(fd, bytes + *size, BOOTTABLE_BYTES_MAX - *size);
        *size += n > 0 ? (uint32_t)n : 0;
    }
    if (bytes)
        bytes[*size] = '\0';
    if (fd >= 0)
        close(fd);
    return bytes;
}

static bool serial_parse(const char *text, uint64_t *serial)
{
    char *end;
    *serial = strtoull(text, &end, 16);
    return end == text + SERIAL_DIGITS && *end == ':';
}

/* vhdboot=SERIAL:\path among the kernel's words: a table of one image. */
static enum err look_at_command_line(struct found *found, const char *path, struct fail *f)
{
    uint32_t size;
    uint64_t serial;
    char *line = (char *)file_load(path, &size);
    const char *word = NULL;
    char *rest = line;
    for (char *w; rest && (w = strsep(&rest, " \n"));) {
        if (!strncmp(w, COMMAND_WORD, sizeof COMMAND_WORD - 1))
            word = w + sizeof COMMAND_WORD - 1;
    }
    if (!word || !*word) {
        free(line);
        return ERR_OK;
    }
    if (!serial_parse(word, &serial) || !word[SERIAL_DIGITS + 1]) {
        free(line);
        return fail(f, ERR_CONFIG,
                    "vhdboot= on the kernel's command line is not SERIAL:\\path with the 16 digits "
                    "of an NTFS volume's serial number",
                    0);
    }
    char *name = strdup(word + SERIAL_DIGITS + 1);
    free(line);
    if (!name)
        return fail(f, ERR_MEMORY, "out of memory", 0);
    found->bytes = (uint8_t *)name;
    found->size = 0;
    found->in = FOUND_COMMAND_LINE;
    found->table = (struct boottable){.write = WRITE_PERSISTENT,
                                      .entry = name,
                                      .volume = {.serial = serial},
                                      .file_count = 1,
                                      .file[0] = {{.serial = serial}, name, true}};
    return ERR_OK;
}

static enum err look_at_copy(struct found *found, struct fail *f)
{
    found->bytes = file_load(FOUND_LEFT, &found->size);
    if (!found->bytes)
        found->bytes = file_load(FOUND_COPY, &found->size);
    if (!found->bytes)
        return ERR_OK;
    enum err err = boottable_parse(&found->table, (struct view){found->bytes, found->size}, f);
    if (err)
        found_free(found);
    else
        found->in = FOUND_FILE;
    return err;
}

enum err found_look(struct found *found, const char *memory, struct fail *f)
{
    *found = (struct found){.in = FOUND_NOTHING};
    int fd = open(memory, O_RDONLY | O_CLOEXEC);
    enum err err = fd < 0 ? ERR_NOT_FOUND : look_in_memory(found, fd, f);
    if (fd >= 0)
        close(fd);
    if (err && err != ERR_NOT_FOUND)
        return err;
    bool locked = err == ERR_NOT_FOUND;
    err = found->in ? ERR_OK : look_at_command_line(found, "/proc/cmdline", f);
    return err || found->in || !locked ? err : look_at_copy(found, f);
}

void found_free(struct found *found)
{
    free(found->bytes);
    found->bytes = NULL;
}
