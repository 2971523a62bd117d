/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A chunk's header: bits 0..11 its size in bytes less 3, bits 12..14 the signature 3, bit 15 set
 * where it is compressed; a header of 0 ends the unit. A compressed chunk is groups of a flag byte
 * and eight tokens, lowest bit first: 0 = a literal byte, 1 = 16 bits that copy earlier bytes. How
 * many of the 16 are the distance depends on how much of the chunk is there to look back on.
 */
#include "core/ntfs/lznt1.h"
#include "core/base/mem.h"

#define CHUNK 4096u

/* Copies earlier bytes of the chunk, which may overlap what they make. *pos counts from `out`. */
static bool copy_back(uint32_t token, uint8_t *out, size_t *pos, size_t limit)
{
    unsigned length_bits = 12;
    for (size_t reach = *pos - 1; reach >= 16; reach >>= 1)
        length_bits--;
    size_t length = (token & ((1u << length_bits) - 1)) + 3;
    size_t distance = (token >> length_bits) + 1;
    if (distance > *pos || length > limit - *pos)
        return false;
    for (; length; length--, (*pos)++)
        out[*pos] = out[*pos - distance];
    return true;
}

/* Unpacks one compressed chunk into at most `limit` bytes; false where it is malformed. */
static bool unpack_chunk(struct view in, uint8_t *out, size_t limit, size_t *made)
{
    size_t from = 0;
    size_t pos = 0;
    while (from < in.size) { /* ends: from grows */
        uint8_t flags = in.data[from++];
        for (unsigned bit = 0; bit < 8 && from < in.size; bit++) {
            if (!(flags >> bit & 1)) {
                if (pos == limit)
                    return false;
                out[pos++] = in.data[from++];
                continue;
            }
            const uint8_t *token = view_at(in, from, 2);
            if (!token || !pos || !copy_back(token[0] | (uint32_t)token[1] << 8, out, &pos, limit))
                return false;
            from += 2;
        }
    }
    *made = pos;
    return true;
}

enum err ntfs_lznt1_unpack(struct view packed, uint8_t *out, size_t size, struct fail *f)
{
    memset(out, 0, size);
    size_t from = 0;
    for (size_t to = 0; to < size; to += CHUNK) {
        const uint8_t *head = view_at(packed, from, 2);
        uint32_t header = head ? head[0] | (uint32_t)head[1] << 8 : 0;
        if (!header)
            return ERR_OK;
        uint32_t bytes = (header & 0xfff) + 1; /* behind the header */
        const uint8_t *data = view_at(packed, from + 2, bytes);
        if ((header >> 12 & 7) != 3 || !data)
            return fail(f, ERR_CORRUPT, "compressed data are damaged at byte %u of their unit",
                        from);

        size_t limit = size - to < CHUNK ? size - to : CHUNK;
        if (header & 0x8000) {
            size_t made;
            if (!unpack_chunk((struct view){data, bytes}, out + to, limit, &made))
                return fail(f, ERR_CORRUPT, "compressed data are damaged at byte %u of their unit",
                            from);
        } else {
            memcpy(out + to, data, bytes < limit ? bytes : limit);
        }
        from += 2 + bytes;
    }
    return ERR_OK;
}
