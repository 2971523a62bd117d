/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes inputs that are a head and then sectors, each with where it lies: within one of the two,
 * as a rule. A byte more or less anywhere would move all that follows, and hardly an image that is
 * changed so opens.
 */
#ifndef FUZZ_MUTATE_H
#define FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

/* `head` bytes, then so many of `entry` bytes, of which the first `where` say where it lies. */
static inline size_t mutate(uint8_t *data, size_t size, size_t max, unsigned seed, size_t head,
                            size_t entry, size_t where)
{
    size_t count = size > head ? (size - head) / entry : 0;
    unsigned what = seed % 16, which = seed / 16;
    if (!what || !count)
        return LLVMFuzzerMutate(data, size, max);
    uint8_t *one = data + head + which % count * entry;
    uint8_t *other = data + head + which / count % count * entry;
    size_t whole = head + count * entry;
    if (what < 6)
        (void)LLVMFuzzerMutate(data, head, head);
    else if (what < 12)
        (void)LLVMFuzzerMutate(one + where, entry - where, entry - where);
    else if (what < 13)
        (void)LLVMFuzzerMutate(one, where, where);
    else if (what < 14)
        memmove(one + where, other + where, entry - where);
    else if (what < 15 && whole + entry <= max) {
        memmove(data + whole, one, entry);
        (void)LLVMFuzzerMutate(data + whole, where, where);
        return whole + entry;
    } else if (count > 1) {
        memmove(one, one + entry, (size_t)(data + whole - (one + entry)));
        return whole - entry;
    }
    return size;
}

#endif
