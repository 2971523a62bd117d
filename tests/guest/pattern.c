/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's side of the pattern disks that the guests read and write.
 *
 *   pattern make FILE SECTORS ROUNDS PROGRAM   a raw disk: the guest, then the pattern from lba 64
 * on pattern check < DISK                       every sector from lba 64 on holds the pattern of
 * some generation; says how many were written by a guest
 *
 * The pattern: dword i of a sector is lba * 9E3779B1h + generation * 7F4A7C15h
 * + i * (01000193h + 2 * generation), little-endian, generation 0 as made.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512, FIRST_LBA = 64, EXPECTED_OFFSET = 0x1A0, ROUNDS_OFFSET = 0x1A8 };

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static void sector_fill(uint8_t *sector, uint64_t lba, uint8_t generation)
{
    uint32_t value = (uint32_t)lba * 0x9E3779B1u + generation * 0x7F4A7C15u;
    for (int i = 0; i < SECTOR / 4; i++, value += 0x01000193u + 2u * generation)
        put32(sector + 4 * i, value);
}

static int make(const char *path, uint64_t sectors, uint32_t rounds, const char *program)
{
    uint8_t guest[FIRST_LBA * SECTOR] = {0};
    FILE *in = fopen(program, "rb");
    FILE *out = fopen(path, "wb");
    if (!in || !out) {
        perror(in ? path : program);
        return 1;
    }
    size_t size = fread(guest, 1, sizeof(guest), in);
    fclose(in);
    if (size < SECTOR || size == sizeof(guest)) {
        fprintf(stderr, "%s: not a guest of 1..63 sectors\n", program);
        return 1;
    }
    put32(guest + EXPECTED_OFFSET, (uint32_t)sectors);
    put32(guest + EXPECTED_OFFSET + 4, (uint32_t)(sectors >> 32));
    put32(guest + ROUNDS_OFFSET, rounds);
    fwrite(guest, 1, sizeof(guest), out);
    for (uint64_t lba = FIRST_LBA; lba < sectors; lba++) {
        uint8_t sector[SECTOR];
        sector_fill(sector, lba, 0);
        fwrite(sector, 1, SECTOR, out);
    }
    if (ferror(out) || fclose(out)) {
        perror(path);
        return 1;
    }
    return 0;
}

static int check(void)
{
    uint8_t sector[SECTOR], wanted[SECTOR];
    uint64_t lba = 0, written = 0;
    for (; fread(sector, 1, SECTOR, stdin) == SECTOR; lba++) {
        if (lba < FIRST_LBA)
            continue;
        unsigned generation = 0;
        for (; generation < 256; generation++) {
            sector_fill(wanted, lba, (uint8_t)generation);
            if (!memcmp(sector, wanted, SECTOR))
                break;
        }
        if (generation == 256) {
            printf("lba %llu holds no pattern\n", (unsigned long long)lba);
            return 1;
        }
        written += generation != 0;
    }
    printf("%llu sectors, %llu written\n", (unsigned long long)lba, (unsigned long long)written);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 6 && !strcmp(argv[1], "make"))
        return make(argv[2], strtoull(argv[3], NULL, 0), (uint32_t)strtoul(argv[4], NULL, 0),
                    argv[5]);
    if (argc == 2 && !strcmp(argv[1], "check"))
        return check();
    fprintf(stderr, "usage: pattern make FILE SECTORS ROUNDS PROGRAM | pattern check < DISK\n");
    return 2;
}
