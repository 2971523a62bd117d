/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words of the config, and the few bytes of a boot record that depend on where it lies. */
#include "core/entry/start.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/mem.h"
#include "core/base/text.h"

#define FIRST_HARD_DISK    0x80u
#define HARD_DISKS_MAX     16u

/* Places in a boot record. FAT and NTFS share those of DOS; FAT32 and exFAT have others. */
#define RECORD_OEM         0x03
#define RECORD_SECTOR_SIZE 0x0b
#define RECORD_FAT_SECTORS 0x16 /* 0: FAT32, or no FAT */
#define RECORD_HIDDEN      0x1c
#define RECORD_DRIVE       0x24
#define RECORD_FAT32_DRIVE 0x40
#define RECORD_EXFAT_START 0x40
#define RECORD_EXFAT_DRIVE 0x6f

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Takes `word` and the blanks behind it off the value. */
static bool take_word(const char **value, uint32_t *length, const char *word)
{
    uint32_t n = (uint32_t)text_length(word);
    if (*length < n || !text_same_caseless(*value, n, word) ||
        (*length > n && !is_blank((*value)[n])))
        return false;
    *value += n;
    *length -= n;
    while (*length && is_blank(**value)) {
        ++*value;
        --*length;
    }
    return true;
}

/* A number of at most three digits; 0: it is none. `hex`: it may be 81h or 0x81, and was. */
static unsigned number(const char *value, uint32_t length, bool *hex)
{
    unsigned v = 0;
    bool prefix = hex && length > 2 && text_same_caseless(value, 2, "0x");
    bool suffix = hex && length > 1 && (value[length - 1] | 0x20) == 'h';
    if (hex)
        *hex = prefix || suffix;
    value += prefix ? 2 : 0;
    length -= prefix ? 2 : suffix;
    if (!length || length > 3 || (prefix && suffix))
        return 0;
    for (uint32_t i = 0; i < length; i++) {
        int digit = text_hex_digit((uint8_t)value[i]);
        if (digit < 0 || (digit > 9 && !prefix && !suffix))
            return 0;
        v = v * (prefix || suffix ? 16 : 10) + (unsigned)digit;
    }
    return v;
}

struct start start_of(const char *value, uint32_t length)
{
    static const struct start none = {.kind = START_IMAGE};
    struct start s = {.path = value};
    const char *rest = value;
    if (take_word(&rest, &length, "next")) {
        s.kind = length ? START_IMAGE : START_NEXT;
    } else if (take_word(&rest, &length, "disk")) {
        s.number = number(rest, length, &s.by_bios);
        bool ok = s.by_bios ? s.number - FIRST_HARD_DISK < HARD_DISKS_MAX
                            : s.number - 1 < HARD_DISKS_MAX - 1;
        s.kind = ok ? START_DISK : START_IMAGE;
    } else if (take_word(&rest, &length, "partition")) {
        s.number = number(rest, length, NULL);
        s.kind = s.number - 1 < PART_MAX ? START_PARTITION : START_IMAGE;
    } else if (length) {
        s.kind = START_FILE;
    }
    return s.kind == START_IMAGE ? none : s;
}

unsigned start_bios_number(const struct start *start, unsigned own)
{
    if (start->by_bios)
        return start->number;
    unsigned drive = FIRST_HARD_DISK + start->number - 1;
    return drive < own ? drive : drive + 1;
}

static void put_le32(uint8_t *at, uint32_t value)
{
    le32 v = le32_make(value);
    memcpy(at, &v, sizeof v);
}

void start_record_place(uint8_t *sector, uint64_t lba, uint8_t drive)
{
    if (!memcmp(sector + RECORD_OEM, "EXFAT   ", 8)) {
        put_le32(sector + RECORD_EXFAT_START, (uint32_t)lba);
        put_le32(sector + RECORD_EXFAT_START + 4, (uint32_t)(lba >> 32));
        sector[RECORD_EXFAT_DRIVE] = drive;
        return;
    }
    uint32_t sector_size = sector[RECORD_SECTOR_SIZE] | sector[RECORD_SECTOR_SIZE + 1] << 8;
    bool jumps = sector[0] == 0xeb || sector[0] == 0xe9;
    bool ntfs = !memcmp(sector + RECORD_OEM, "NTFS    ", 8);
    if (!jumps || sector_size < 512 || sector_size > 4096 || sector_size & (sector_size - 1) ||
        sector[RECORD_HIDDEN - 7] < 0xf0) /* the medium, F8h for a hard disk's */
        return;
    bool fat32 = !ntfs && !sector[RECORD_FAT_SECTORS] && !sector[RECORD_FAT_SECTORS + 1];
    put_le32(sector + RECORD_HIDDEN, (uint32_t)lba);
    sector[fat32 ? RECORD_FAT32_DRIVE : RECORD_DRIVE] = drive;
}

struct mbr_entry start_table_entry(const struct part *part)
{
    static const uint8_t beyond_chs[3] = {0xfe, 0xff, 0xff};
    struct mbr_entry e = {0};
    if (!part || !part->number)
        return e;
    e.active = MBR_ACTIVE;
    e.type = part->type ? part->type : MBR_TYPE_NTFS;
    memcpy(e.chs_first, beyond_chs, sizeof beyond_chs);
    memcpy(e.chs_last, beyond_chs, sizeof beyond_chs);
    e.start_lba = le32_make((uint32_t)part->start_lba);
    e.sectors = le32_make(part->sectors > UINT32_MAX ? UINT32_MAX : (uint32_t)part->sectors);
    return e;
}

enum err start_partition_read(const struct part_table *table, struct blk *drive, unsigned number,
                              const struct part **part, uint8_t *record, struct fail *f)
{
    *part = part_numbered(table, number);
    if (!*part)
        return fail(f, ERR_PARTITION, "the drive has no such partition", 0);
    enum err err = blk_read(drive, (*part)->start_lba, 1, record, f);
    if (!err && (record[510] != 0x55 || record[511] != 0xaa))
        err = fail(f, ERR_NO_SYSTEM,
                   "the partition has no boot record: its first sector lacks 55AAh", 0);
    return err;
}

bool start_wants_first_drive(const uint8_t *record)
{
    static const char *const names[] = {"NTLDR", "IO      SYS", "IBMBIO  COM", "WINBOOT SYS"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t n = text_length(names[i]);
        for (unsigned at = 0; at + n <= SECTOR_SIZE; at++) {
            if (!memcmp(record + at, names[i], n))
                return true;
        }
    }
    return false;
}
