/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file is a header, then vhdboot.bin's old bytes, then the sectors; little-endian; the header's
 * sum covers all that follows it and itself with the sum as zero.
 */
#include "flash/backup.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "flash/change.h"
#include "flash/gap.h"
#include "host/fd.h"
#include "layout.h"

#define BACKUP_FILE_MAX ((uint64_t)128 << 20)

struct backup_header {
    char magic[16];         /* 0x00 */
    le64 sum;               /* 0x10 */
    le64 device_size;       /* 0x18 */
    le64 start_lba;         /* 0x20 */
    le64 serial;            /* 0x28 */
    le64 copy_lba;          /* 0x30 */
    le64 has_mbr;           /* 0x38 */
    le64 stage2_size;       /* 0x40 */
    le64 sectors;           /* 0x48 */
    struct mbr mbr;         /* 0x50 */
    struct boot_record vbr; /* 0x250 */
};
static_assert(offsetof(struct backup_header, sum) == 0x10, "backup header");
static_assert(offsetof(struct backup_header, mbr) == 0x50, "backup header");
static_assert(sizeof(struct backup_header) == 0x250 + VBR_SIZE, "backup header");

struct backup_sector {
    le64 lba;                    /* 0x000 */
    le64 step;                   /* 0x008 */
    uint8_t before[SECTOR_SIZE]; /* 0x010 */
    uint8_t after[SECTOR_SIZE];  /* 0x210 */
};
static_assert(sizeof(struct backup_sector) == 16 + 2 * SECTOR_SIZE, "backup sector");

static const char magic[16] = "vhdboot backup\n";

/* FNV-1a, 64 bits: a damaged file must not reach a boot sector. */
static uint64_t sum_of(uint64_t sum, const void *data, size_t size)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ p[i]) * 0x100000001b3u;
    return sum;
}

uint8_t *backup_bytes(const struct backup *b, size_t *size)
{
    size_t old = b->stage2_size == BACKUP_NO_FILE ? 0 : (size_t)b->stage2_size;
    *size = sizeof(struct backup_header) + old + b->sectors * sizeof(struct backup_sector);
    uint8_t *bytes = calloc(1, *size);
    if (!bytes)
        return NULL;
    struct backup_header *header = (struct backup_header *)bytes;
    memcpy(header->magic, magic, sizeof magic);
    header->device_size = le64_make(b->device_size);
    header->start_lba = le64_make(b->start_lba);
    header->serial = le64_make(b->serial);
    header->copy_lba = le64_make(b->copy_lba);
    header->has_mbr = le64_make(b->has_mbr);
    header->stage2_size = le64_make(b->stage2_size);
    header->sectors = le64_make(b->sectors);
    header->mbr = b->mbr;
    header->vbr = b->vbr;
    if (old)
        memcpy(header + 1, b->stage2, old);
    struct backup_sector *sector = (struct backup_sector *)(bytes + sizeof *header + old);
    for (uint64_t i = 0; i < b->sectors; i++) {
        sector[i].lba = le64_make(b->sector[i].lba);
        sector[i].step = le64_make(b->sector[i].step);
        memcpy(sector[i].before, b->sector[i].before, SECTOR_SIZE);
        memcpy(sector[i].after, b->sector[i].after, SECTOR_SIZE);
    }
    header->sum = le64_make(sum_of(0xcbf29ce484222325u, bytes, *size));
    return bytes;
}

enum status backup_save(const struct backup *b, const char *path)
{
    size_t size;
    uint8_t *bytes = backup_bytes(b, &size);
    if (!bytes)
        return say_no_memory();
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        free(bytes);
        return say_error("Name a new file in a folder that you may write to.",
                         "%s: the backup cannot be made: %s", path, strerror(errno));
    }
    bool ok = fd_pwrite(fd, bytes, size, 0) && !fsync(fd) && fd_sync_folder(path);
    int keep = errno;
    close(fd);
    free(bytes);
    if (ok)
        return STATUS_OK;
    unlink(path);
    return say_error("Name a file where there is room.", "%s: the backup cannot be written: %s",
                     path, strerror(keep));
}

static enum status not_one(const char *path)
{
    return say_error("Name the file that install --backup wrote.",
                     "%s: is no backup of mkimage, or is damaged", path);
}

/* Does vhdboot lie there, outside of the volumes, as the MBR says that install left: a new one, or
 * the one that it found? */
static bool is_of_gap(const struct backup *b, const struct backup_sector *first, uint64_t lba)
{
    struct gap gap;
    const struct mbr *mbr = le64_get(first->lba) ? &b->mbr : (const struct mbr *)first->after;
    return b->has_mbr && gap_read(mbr, &gap) && lba - gap.file_lba < gap.file_sectors;
}

/* Only what install can have written: sectors of the device in their order, each once, with a step;
 * of sector 0 of a disk with partitions, nothing but the code. Also in a file whose sum is right.
 */
static bool is_sane(const struct backup *b, const struct backup_header *header,
                    const struct backup_sector *sector)
{
    uint64_t device = b->device_size >> SECTOR_SHIFT;
    if (b->start_lba >= device || b->copy_lba >= device || le64_get(header->has_mbr) > 1 ||
        (b->stage2_size > BACKUP_STAGE2_MAX && b->stage2_size != BACKUP_NO_FILE))
        return false;
    for (uint64_t i = 0; i < b->sectors; i++) {
        uint64_t lba = le64_get(sector[i].lba);
        bool in_order = !i || lba > le64_get(sector[i - 1].lba);
        bool table = !lba && b->start_lba &&
                     memcmp(sector[i].before + MBR_CODE_MAX, sector[i].after + MBR_CODE_MAX,
                            SECTOR_SIZE - MBR_CODE_MAX) != 0;
        bool outside = lba && lba < b->start_lba;
        if (!in_order || lba >= device || table || (outside && !is_of_gap(b, sector, lba)) ||
            le64_get(sector[i].step) >= CHANGE_STEPS)
            return false;
    }
    return true;
}

enum status backup_parse(struct backup *b, uint8_t *bytes, size_t size, const char *path)
{
    *b = (struct backup){0};
    struct backup_header *header = (struct backup_header *)bytes;
    if (size < sizeof *header || memcmp(header->magic, magic, sizeof magic))
        return not_one(path);
    uint64_t sum = le64_get(header->sum);
    header->sum = le64_make(0);
    if (sum_of(0xcbf29ce484222325u, bytes, size) != sum)
        return not_one(path);

    *b = (struct backup){.device_size = le64_get(header->device_size),
                         .start_lba = le64_get(header->start_lba),
                         .serial = le64_get(header->serial),
                         .copy_lba = le64_get(header->copy_lba),
                         .has_mbr = le64_get(header->has_mbr),
                         .stage2_size = le64_get(header->stage2_size),
                         .sectors = le64_get(header->sectors),
                         .mbr = header->mbr,
                         .vbr = header->vbr};
    uint64_t old = b->stage2_size == BACKUP_NO_FILE ? 0 : b->stage2_size;
    uint64_t rest = size - sizeof *header;
    if (old > rest || (rest - old) / sizeof(struct backup_sector) != b->sectors ||
        (rest - old) % sizeof(struct backup_sector))
        return not_one(path);
    const struct backup_sector *sector =
        (const struct backup_sector *)(bytes + sizeof *header + old);
    if (!is_sane(b, header, sector))
        return not_one(path);
    b->stage2 = malloc(old + 1);
    b->sector = calloc(b->sectors + 1, sizeof b->sector[0]);
    if (!b->stage2 || !b->sector)
        return say_no_memory();
    memcpy(b->stage2, header + 1, old);
    for (uint64_t i = 0; i < b->sectors; i++) {
        b->sector[i].lba = le64_get(sector[i].lba);
        b->sector[i].step = (uint8_t)le64_get(sector[i].step);
        memcpy(b->sector[i].before, sector[i].before, SECTOR_SIZE);
        memcpy(b->sector[i].after, sector[i].after, SECTOR_SIZE);
    }
    return STATUS_OK;
}

enum status backup_load(struct backup *b, const char *path)
{
    *b = (struct backup){0};
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) {
        if (fd >= 0)
            close(fd);
        return say_error("Check the name.", "%s: cannot be opened: %s", path, strerror(errno));
    }
    enum status status;
    uint8_t *bytes = NULL;
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > BACKUP_FILE_MAX ||
        (uint64_t)st.st_size < sizeof(struct backup_header) ||
        !(bytes = malloc((size_t)st.st_size)) || !fd_pread(fd, bytes, (size_t)st.st_size, 0))
        status = not_one(path);
    else
        status = backup_parse(b, bytes, (size_t)st.st_size, path);
    free(bytes);
    close(fd);
    if (status)
        backup_free(b);
    return status;
}

bool backup_is_of_gap(const struct backup *b, struct gap *gap)
{
    if (!b->sectors || !b->has_mbr)
        return false;
    return gap_read(b->sector[0].lba ? &b->mbr : (const struct mbr *)b->sector[0].after, gap);
}

void backup_free(struct backup *b)
{
    free(b->stage2);
    free(b->sector);
    *b = (struct backup){0};
}
