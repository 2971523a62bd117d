/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Build tool: makes vhdboot.bin of the linked image. The 16-bit part, whose size the image's header
 * gives, stays as it is; what follows becomes a 32-bit length and one LZ4 block, which start.asm
 * unpacks. Then size and sum of the whole are filled in (stage2_format.h).
 * Usage: pack_file IMAGE OUTPUT
 */
#include <errno.h>
#include <lz4hc.h>
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

int main(int argc, char **argv)
{
    static uint8_t image[STAGE2_END - STAGE2_ADDRESS + 1], data[STAGE2_FILE_MAX];
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
    size_t real = le32_get(header.size);
    if (size == sizeof image || le32_get(header.magic) != STAGE2_MAGIC || real >= size || real % 16)
        return complain(argv[1], "is not what stage2.ld makes");

    memcpy(data, image, real);
    size_t room = sizeof data - real - sizeof(le32) - 16;
    int packed = LZ4_compress_HC((const char *)image + real, (char *)data + real + sizeof(le32),
                                 (int)(size - real), (int)room, LZ4HC_CLEVEL_MAX);
    if (packed <= 0)
        return complain(argv[2], "would be too large");
    le32 length = le32_make((uint32_t)packed);
    memcpy(data + real, &length, sizeof length);
    size_t total = (real + sizeof length + (size_t)packed + 15) / 16 * 16;
    fill_in_sum(data, total, &header);

    FILE *out = fopen(argv[2], "wb");
    if (!out || fwrite(data, total, 1, out) != 1 || fclose(out))
        return complain(argv[2], strerror(errno));
    printf("  %s: %zu of %d bytes, %zu unpacked\n", argv[2], total, STAGE2_FILE_MAX, size);
    return 0;
}
