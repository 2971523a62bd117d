/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Build tool: makes vhdboot.bin of the linked image. Its first part, whose size the image's header
 * gives, stays as it is; what follows becomes one deflate stream in front of the file's end, which
 * start.asm unpacks. Then size and sum of the whole are filled in (stage2_format.h).
 * Usage: pack_file IMAGE OUTPUT
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zopfli/zopfli.h>
#include "core/base/inflate.h"
#include "layout.h"
#include "stage2_format.h"

static int complain(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s\n", path, why);
    return 1;
}

static void fill_in_sum(uint8_t *data, size_t size, struct stage2_header *header)
{
    header->size = le32_make((uint32_t)size);
    header->sum = le32_make(0);
    memcpy(data, header, sizeof *header);
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i += 4) {
        le32 word;
        memcpy(&word, data + i, 4);
        sum += le32_get(word);
    }
    header->sum = le32_make(-sum);
    memcpy(data, header, sizeof *header);
}

static struct view pack(const uint8_t *data, size_t size)
{
    ZopfliOptions options;
    unsigned char *packed = NULL;
    size_t packed_size = 0;
    ZopfliInitOptions(&options);
    ZopfliCompress(&options, ZOPFLI_FORMAT_DEFLATE, data, size, &packed, &packed_size);
    return (struct view){packed, packed_size};
}

int main(int argc, char **argv)
{
    static uint8_t image[STAGE2_END - STAGE2_ADDRESS + 1], unpacked[sizeof image];
    static uint8_t data[STAGE2_FILE_MAX];
    if (argc != 3) {
        fprintf(stderr, "usage: pack_file IMAGE OUTPUT\n");
        return 2;
    }
    FILE *in = fopen(argv[1], "rb");
    if (!in)
        return complain(argv[1], strerror(errno));
    size_t size = fread(image, 1, sizeof image, in);
    fclose(in);

    struct stage2_header header;
    memcpy(&header, image, sizeof header);
    size_t plain = le32_get(header.size);
    if (size == sizeof image || le32_get(header.magic) != STAGE2_MAGIC || plain >= size ||
        plain % 16)
        return complain(argv[1], "is not what stage2.ld makes");

    memcpy(data, image, plain);
    struct view packed = pack(image + plain, size - plain);
    if (packed.size > sizeof data - plain - 15)
        return complain(argv[2], "would be too large");
    memcpy(data + plain, packed.data, packed.size);
    size_t total = (plain + packed.size + 15) / 16 * 16;
    if (!inflate((struct view){data + plain, total - plain}, unpacked, size - plain) ||
        memcmp(unpacked, image + plain, size - plain) != 0)
        return complain(argv[2], "would not unpack to what it was");
    fill_in_sum(data, total, &header);

    FILE *out = fopen(argv[2], "wb");
    if (!out || fwrite(data, total, 1, out) != 1 || fclose(out))
        return complain(argv[2], strerror(errno));
    printf("  %s: %zu of %d bytes, %zu unpacked\n", argv[2], total, STAGE2_FILE_MAX, size);
    return 0;
}
