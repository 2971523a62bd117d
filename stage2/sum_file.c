/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Build tool: fills in the sum of vhdboot.bin (stage2_format.h) and prints the bytes used.
 * Usage: sum_file FILE
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "layout.h"
#include "stage2_format.h"

static int complain(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s\n", path, why);
    return 1;
}

int main(int argc, char **argv)
{
    static uint8_t data[STAGE2_FILE_MAX + 1];
    if (argc != 2) {
        fprintf(stderr, "usage: sum_file FILE\n");
        return 2;
    }
    const char *path = argv[1];
    FILE *file = fopen(path, "r+b");
    if (!file)
        return complain(path, strerror(errno));

    size_t size = fread(data, 1, sizeof data, file);
    struct stage2_header header;
    memcpy(&header, data, sizeof header);
    if (size % 16 || size < sizeof header || size > STAGE2_FILE_MAX)
        return complain(path, "its size is not what stage2.ld makes");
    if (le32_get(header.magic) != STAGE2_MAGIC || le32_get(header.size) != size)
        return complain(path, "it has no stage2 header");

    uint32_t sum = 0;
    for (size_t i = 0; i < size; i += 4) {
        le32 word;
        memcpy(&word, data + i, 4);
        sum += le32_get(word);
    }
    header.sum = le32_make(le32_get(header.sum) - sum);
    if (fseek(file, 0, SEEK_SET) || fwrite(&header, sizeof header, 1, file) != 1 || fclose(file))
        return complain(path, strerror(errno));

    printf("  %s: %zu of %d bytes\n", path, size, STAGE2_FILE_MAX);
    return 0;
}
