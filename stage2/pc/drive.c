/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A BIOS hard disk behind struct blk. Every call goes through the disk buffer, which no BIOS can
 * find fault with: aligned to 64 KiB, at most 127 sectors a call. Prints nothing.
 */
#include "pc/drive.h"
#include <stddef.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/mem.h"
#include "layout.h"
#include "pc/bda.h"
#include "pc/bios.h"
#include "pc/int13_format.h"

#define SECTORS_MAX   127
#define TRIES         3
#define CHS_CYLINDERS 1024
#define LIMIT_STEP    2048u /* a BIOS's limit is looked for to the mebibyte */
#define LIMIT_SEEN    3u    /* so many reads must have failed beyond it */
#define LBA28_SECTORS (1u << 28)

#ifndef DRIVE_BUFFER /* tests put it elsewhere */
#define DRIVE_BUFFER ((uint8_t *)DISK_BUFFER)
#endif

/* In stage2's bss, below 1 MiB, where the BIOS can reach them. */
static struct {
    struct edd_parameters told;
    uint8_t rest[34]; /* some BIOSes write more than they were told */
} parameters;
static struct edd_packet packet;

static uint8_t call_status(const struct bios_regs *r)
{
    uint8_t status = r->eax >> 8 & 0xff;
    return bios_failed(r) ? (status ? status : 0xff) : 0;
}

static void drive_reset(const struct drive *d)
{
    struct bios_regs r = {.eax = 0, .edx = d->number};
    bios_call(0x13, &r);
}

/* AH=41h: does the drive take packets? */
static bool ask_edd(uint8_t number)
{
    /* DS: the Xi8088's BIOS needs it. */
    struct bios_regs r = {.eax = 0x4100, .ebx = 0x55aa, .edx = number, .ds = BDA_SEGMENT};
    bios_call(0x13, &r);
    return !bios_failed(&r) && (r.ebx & 0xffff) == 0xaa55 && (r.ecx & EDD_INTERFACE_ACCESS);
}

/* AH=48h: size and sector size. Without an answer the size stays unknown, sectors are 512 bytes. */
static enum err ask_size(struct drive *d, struct fail *f)
{
    struct edd_parameters *p = &parameters.told;
    memset(&parameters, 0, sizeof parameters); /* PhoenixBIOS 4.0r6 wants the flags zero on entry */
    p->size = le16_make(sizeof *p);
    struct bios_regs r = {.eax = 0x4800, .edx = d->number};
    bios_ds_esi(&r, p);
    bios_call(0x13, &r);
    if (call_status(&r))
        return ERR_OK;

    uint32_t size = le16_get(p->sector_size);
    if (!size)
        size = SECTOR_SIZE;
    if (!is_power_of_two(size) || size < SECTOR_SIZE || size > 4096)
        return fail(f, ERR_UNSUPPORTED, "the BIOS reports sectors of %u bytes", size);
    d->sector_shift = (uint8_t)(log2_u32(size) - SECTOR_SHIFT);

    uint64_t sectors = le64_get(p->sectors);
    if (sectors && sectors <= UINT64_MAX >> (d->sector_shift + 1))
        d->blk.sectors = sectors << d->sector_shift;
    return ERR_OK;
}

/* AH=08h: geometry for CHS. */
static bool ask_geometry(struct drive *d)
{
    struct bios_regs r = {.eax = 0x0800, .edx = d->number};
    bios_call(0x13, &r);
    uint32_t heads = (r.edx >> 8 & 0xff) + 1;
    uint32_t per_track = r.ecx & 0x3f;
    if (call_status(&r) || !per_track)
        return false;
    d->heads = (uint8_t)(heads < 256 ? heads : 255);
    d->sectors_per_track = (uint8_t)per_track;
    return true;
}

/* The most 512-byte sectors a call: whole BIOS sectors. */
static uint8_t most_sectors(const struct drive *d)
{
    return (uint8_t)(SECTORS_MAX >> d->sector_shift << d->sector_shift);
}

/* What to do with the disk buffer: AH of the CHS call; the one with a packet is 40h more. */
enum transfer { TRANSFER_READ = 0x0200, TRANSFER_WRITE = 0x0300 };
#define TRANSFER_EDD 0x4000u

/* One AH=42h or 43h; counts in 512-byte sectors. Returns the BIOS's status. */
static uint8_t transfer_edd(struct drive *d, enum transfer transfer, uint64_t lba, uint32_t count)
{
    lba >>= d->sector_shift;
    packet = (struct edd_packet){
        .size = sizeof packet,
        .count = (uint16_t)(count >> d->sector_shift),
        .segment = DISK_BUFFER >> 4,
        .lba = lba,
    };
    struct bios_regs r = {.eax = TRANSFER_EDD | transfer, .edx = d->number};
    bios_ds_esi(&r, &packet);
    bios_call(0x13, &r);
    return call_status(&r);
}

/* One AH=02h or 03h; the caller has cut it at the track's end. */
static uint8_t transfer_chs(struct drive *d, enum transfer transfer, uint32_t lba, uint32_t count)
{
    uint32_t track = lba / d->sectors_per_track;
    uint32_t sector = lba % d->sectors_per_track + 1;
    uint32_t head = track % d->heads;
    uint32_t cylinder = track / d->heads;
    struct bios_regs r = {
        .eax = transfer | count,
        .ebx = 0,
        .ecx = (cylinder & 0xff) << 8 | (cylinder >> 2 & 0xc0) | sector,
        .edx = head << 8 | d->number,
        .es = DISK_BUFFER >> 4,
    };
    bios_call(0x13, &r);
    return call_status(&r);
}

static uint8_t transfer_once(struct drive *d, enum transfer transfer, uint64_t lba, uint32_t count)
{
    return d->edd ? transfer_edd(d, transfer, lba, count)
                  : transfer_chs(d, transfer, (uint32_t)lba, count);
}

/* The BIOS did not even try: neither another try nor a reset makes it better. */
static bool is_refusal(uint8_t status)
{
    return status == 0x01 || status == 0x09;
}

/* Transfers one piece with `tries` tries. The reset comes only before the third: some drives always
 * fail the first read after one. */
static uint8_t transfer_tries(struct drive *d, enum transfer transfer, uint64_t lba, uint32_t count,
                              unsigned tries)
{
    uint8_t status = 0;
    for (unsigned i = 0; i < tries; i++) {
        if (i == 2)
            drive_reset(d);
        status = transfer_once(d, transfer, lba, count);
        if (!status || is_refusal(status))
            return status;
    }
    drive_reset(d);
    return status;
}

static uint8_t read_tries(struct drive *d, uint64_t lba, uint32_t count, unsigned tries)
{
    return transfer_tries(d, TRANSFER_READ, lba, count, tries);
}

/* How many of some reads up to 1 GiB behind `bad` fail, up to LIMIT_SEEN. */
static unsigned failures_beyond(struct drive *d, uint64_t bad)
{
    unsigned failed = 0;
    for (unsigned mib = 1; mib <= 1024 && failed < LIMIT_SEEN; mib *= 4) {
        uint64_t lba = bad + ((uint64_t)mib << 11);
        if (lba >= d->blk.sectors || d->blk.sectors == UINT64_MAX)
            break; /* behind the drive's end all reads fail */
        failed += read_tries(d, lba, 1u << d->sector_shift, 2) != 0;
    }
    return failed;
}

/*
 * Where the BIOS's reach ends, when reading `bad` failed and it is not just that sector: the
 * sectors that it can read, to the mebibyte, or 0. Ends: every round halves bad - good.
 */
static uint64_t find_limit(struct drive *d, uint64_t bad)
{
    uint64_t good = 0, first_bad = bad;
    unsigned failed = 1;
    if (read_tries(d, good, 1u << d->sector_shift, TRIES))
        return 0; /* nothing works any more */
    while (bad - good > LIMIT_STEP) {
        uint64_t middle = (good + (bad - good) / 2) & ~(uint64_t)7;
        if (read_tries(d, middle, 1u << d->sector_shift, 2)) {
            bad = middle;
            failed++;
        } else {
            good = middle;
        }
    }
    if (failed < LIMIT_SEEN) /* the border is near: then it shows behind */
        failed += failures_beyond(d, first_bad);
    return failed >= LIMIT_SEEN ? bad : 0;
}

static enum err beyond_limit(uint64_t sectors, struct fail *f)
{
    uint32_t mib = (uint32_t)(sectors >> 11);
    if (mib < 4096)
        return fail(f, ERR_BIOS,
                    "this BIOS reads only the first %u MiB of the drive; it lies beyond", mib);
    /* 10^9 bytes are 953.67 MiB */
    return fail(f, ERR_BIOS, "this BIOS reads only the first %u GB of the drive; it lies beyond",
                mib / 953);
}

static enum err read_failed(struct drive *d, uint8_t status, uint64_t lba, struct fail *f)
{
    bool damaged = status == 0x10 || status == 0x11;
    uint64_t limit = damaged ? 0 : find_limit(d, lba & ~(uint64_t)7);
    if (limit)
        return beyond_limit(limit, f);
    switch (status) {
    case 0x01:
        return fail(f, ERR_READ, "the BIOS refuses to read sector %u (error 01h)", lba);
    case 0x04:
        return fail(f, ERR_READ, "sector %u is not found on the drive (error 04h)", lba);
    case 0x10:
    case 0x11:
        return fail(f, ERR_READ, "sector %u is damaged (error 10h)", lba);
    case 0x20:
        return fail(f, ERR_READ, "the controller fails reading sector %u (error 20h)", lba);
    case 0x80:
        return fail(f, ERR_READ, "the drive does not answer reading sector %u (error 80h)", lba);
    default:
        return fail(f, ERR_READ, "sector %u cannot be read", lba);
    }
}

/* How many sectors the next call may take: whole BIOS sectors, within `most`, within a track. */
static uint32_t piece_size(const struct drive *d, uint64_t lba, uint32_t left, uint32_t most)
{
    uint32_t piece = left < most ? left : most;
    if (!d->edd) {
        uint32_t to_track_end = d->sectors_per_track - (uint32_t)lba % d->sectors_per_track;
        piece = piece < to_track_end ? piece : to_track_end;
    }
    return piece;
}

/*
 * Reads [lba, lba + count), whole BIOS sectors, at most the disk buffer, piece by piece, and hands
 * each piece to `take`. A piece that fails is halved; when the whole request then succeeds, the
 * smaller size is what this BIOS can do and is remembered. When even one sector fails, the drive is
 * bad there and nothing is learned about the BIOS.
 */
static enum err read_aligned(struct drive *d, uint64_t lba, uint32_t count, uint8_t *buf,
                             struct fail *f)
{
    uint32_t unit = 1u << d->sector_shift;
    uint32_t most = d->sectors_max;
    while (count) { /* ends: every round lowers count, or halves a piece down to a unit at least */
        uint32_t piece = piece_size(d, lba, count, most);
        bool again = most < d->sectors_max && piece > unit;
        uint8_t status = read_tries(d, lba, piece, again ? 2 : TRIES);
        if (status) {
            if (piece <= unit)
                return read_failed(d, status, lba, f);
            most = (piece / 2) & ~(unit - 1);
            continue;
        }
        memcpy(buf, DRIVE_BUFFER, (size_t)piece << SECTOR_SHIFT);
        buf += (size_t)piece << SECTOR_SHIFT;
        lba += piece;
        count -= piece;
    }
    d->sectors_max = (uint8_t)most;
    return ERR_OK;
}

/* Part of one BIOS sector of more than 512 bytes. */
static enum err read_part(struct drive *d, uint64_t lba, uint32_t count, uint8_t *buf,
                          struct fail *f)
{
    uint32_t unit = 1u << d->sector_shift;
    uint32_t skip = (uint32_t)lba & (unit - 1);
    uint8_t status = read_tries(d, lba - skip, unit, TRIES);
    if (status)
        return read_failed(d, status, lba, f);
    memcpy(buf, DRIVE_BUFFER + ((size_t)skip << SECTOR_SHIFT), (size_t)count << SECTOR_SHIFT);
    return ERR_OK;
}

/*
 * Some BIOSes drop all bits of a sector's number above the lowest 28: what lies beyond 137 GB then
 * is the drive's start once more, without an error. Told from the drive's first sector and those
 * where a first partition usually starts.
 */
static bool ask_wraps(struct drive *d)
{
    static const uint16_t probe[] = {0, 63, 2048};
    static uint8_t low[SECTOR_SIZE];
    if (!d->edd || d->sector_shift || d->blk.sectors == UINT64_MAX ||
        d->blk.sectors <= LBA28_SECTORS + probe[2])
        return false;
    for (unsigned i = 0; i < sizeof probe / sizeof probe[0]; i++) {
        if (read_tries(d, probe[i], 1, 2))
            return false;
        memcpy(low, DRIVE_BUFFER, SECTOR_SIZE);
        if (!i && (low[510] != 0x55 || low[511] != 0xaa))
            return false; /* nothing to tell it by */
        if (read_tries(d, LBA28_SECTORS + probe[i], 1, 2) ||
            memcmp(low, DRIVE_BUFFER, SECTOR_SIZE) != 0)
            return false;
    }
    return true;
}

static bool is_wrapped(const struct drive *d, uint64_t lba, uint32_t count)
{
    return d->wraps && !range_ok(lba, count, LBA28_SECTORS);
}

static enum err drive_read(struct blk *b, uint64_t lba, uint32_t count, void *buf, struct fail *f)
{
    struct drive *d = b->ctx;
    uint32_t unit = 1u << d->sector_shift;
    uint8_t *to = buf;
    uint64_t chs_limit = (uint64_t)CHS_CYLINDERS * d->heads * d->sectors_per_track;
    if (!d->edd && !range_ok(lba, count, chs_limit))
        return fail(f, ERR_BIOS, "this BIOS has no LBA and cannot reach sector %u", lba);
    if (is_wrapped(d, lba, count))
        return beyond_limit(LBA28_SECTORS, f);

    while (count) { /* ends: every round lowers count */
        uint32_t skip = (uint32_t)lba & (unit - 1);
        uint32_t n = count & ~(unit - 1);
        enum err err;
        if (skip || !n) {
            n = unit - skip < count ? unit - skip : count;
            err = read_part(d, lba, n, to, f);
        } else {
            err = read_aligned(d, lba, n, to, f);
        }
        if (err)
            return err;
        to += (size_t)n << SECTOR_SHIFT;
        lba += n;
        count -= n;
    }
    return ERR_OK;
}

/* For the few sectors that are written before the guest starts. Nothing boots from a drive with
 * larger sectors, so none is written there. */
static enum err drive_write(struct blk *b, uint64_t lba, uint32_t count, const void *buf,
                            struct fail *f)
{
    struct drive *d = b->ctx;
    const uint8_t *from = buf;
    if (is_wrapped(d, lba, count))
        return beyond_limit(LBA28_SECTORS, f);
    while (count) { /* ends: every round lowers count */
        uint32_t n = piece_size(d, lba, count, d->sectors_max);
        memcpy(DRIVE_BUFFER, from, (size_t)n << SECTOR_SHIFT);
        if (d->sector_shift || transfer_tries(d, TRANSFER_WRITE, lba, n, TRIES))
            return fail(f, ERR_WRITE, "sector %u cannot be written", lba);
        from += (size_t)n << SECTOR_SHIFT;
        lba += n;
        count -= n;
    }
    return ERR_OK;
}

enum err drive_init(struct drive *d, uint8_t number, struct fail *f)
{
    *d = (struct drive){.number = number};
    d->blk =
        (struct blk){.read = drive_read, .write = drive_write, .ctx = d, .sectors = UINT64_MAX};
    d->edd = ask_edd(number);
    bool geometry = ask_geometry(d);
    if (!d->edd && !geometry)
        return fail(f, ERR_BIOS, "the BIOS knows no such drive", number);

    enum err err = d->edd ? ask_size(d, f) : ERR_OK;
    d->sectors_max = most_sectors(d);
    if (!err)
        d->wraps = ask_wraps(d);
    return err;
}

void drive_learn(struct drive *d)
{
    uint32_t most = d->sectors_max;
    if (!d->edd && most > d->sectors_per_track)
        most = d->sectors_per_track;
    uint32_t unit = 1u << d->sector_shift;
    /* ends: every round halves */
    while (most > unit && read_tries(d, 0, most, 2))
        most = (most / 2) & ~(unit - 1);
    if (most > unit || !read_tries(d, 0, unit, 2))
        d->sectors_max = (uint8_t)most;
}

unsigned drive_hard_disks(void)
{
    return *(const volatile uint8_t *)bios_data(BDA_HD_COUNT);
}
