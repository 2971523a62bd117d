/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What mkimage makes of hives: one with two logs of either form, replayed (the sums and hashes are
 * made right, or no input would get past them), or a boot store, loaded as a tree and written anew,
 * which must then be a hive with the same keys. The last byte says which; before it, two bytes
 * where the logs begin.
 */
#include <stdlib.h>
#include <string.h>
#include "core/base/arena.h"
#include "core/hive/cell.h"
#include "core/hive/format.h"
#include "core/hive/hive.h"
#include "windows/hivelog.h"
#include "windows/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEED   0x82ef4d887a4e55c5u
#define LOG_AT 512u
#define ENTRY  40u
#define NEW    6u   /* a log's type */
#define UNIT   256u /* of the places where logs begin */
#define MEMORY ((size_t)8 << 20)

static void mend_log(uint8_t *log, size_t size)
{
    struct hive_header *header = (struct hive_header *)log;
    if (size < LOG_AT)
        return;
    header->checksum = le32_make(hive_header_sum(header));
    if (le32_get(header->type) != NEW)
        return;
    for (size_t at = LOG_AT; at + ENTRY <= size;) {
        uint32_t length = le32_get(*(le32 *)(log + at + 4));
        if (length < ENTRY || length > size - at)
            return;
        *(le64 *)(log + at + 24) = le64_make(hivelog_hash(log + at + ENTRY, length - ENTRY, SEED));
        *(le64 *)(log + at + 32) = le64_make(hivelog_hash(log + at, 32, SEED));
        at += length;
    }
}

static void judge_log(const uint8_t *data, size_t size, size_t first, size_t second)
{
    uint8_t *hive = malloc(first + 1), *logs = malloc(size - first + 1);
    if (!hive || !logs)
        abort();
    memcpy(hive, data, first);
    memcpy(logs, data + first, size - first);
    mend_log(logs, second - first);
    mend_log(logs + (second - first), size - second);
    size_t length = first;
    struct hive_header *header = (struct hive_header *)hive;
    if (length >= HIVE_HEADER_SIZE && header->unused[0] != 0xff) /* or: the header is damaged */
        header->checksum = le32_make(hive_header_sum(header));
    struct view log[HIVELOG_LOGS] = {{logs, second - first},
                                     {logs + (second - first), size - second}};
    struct hivelog_result result = hivelog_replay(&hive, &length, log);
    header = (struct hive_header *)hive;
    if (result.why && (result.entries || length != first))
        abort();
    if (result.entries && !result.why &&
        (hive_header_sum(header) != le32_get(header->checksum) ||
         length < HIVE_HEADER_SIZE + (size_t)le32_get(header->length)))
        abort();
    free(hive);
    free(logs);
}

static unsigned count(const struct tree_key *key)
{
    unsigned all = 1;
    for (const struct tree_key *child = key->children; child; child = child->next)
        all += count(child);
    return all;
}

static void judge_tree(const uint8_t *data, size_t size)
{
    static uint8_t memory[2][MEMORY];
    struct arena a, b;
    struct hive hive;
    struct tree tree, again;
    struct fail f = {0};
    uint8_t *bytes;
    size_t length;
    arena_init(&a, memory[0], MEMORY);
    arena_init(&b, memory[1], MEMORY);
    if (hive_open(&hive, (struct view){data, size}, &f))
        return;
    hive.steps_left = 8192;
    if (tree_load(&tree, &hive, &a, &f)) {
        if (!f.sentence)
            abort();
        return;
    }
    if (tree_write(&tree, "\\Boot\\BCD", &bytes, &length))
        abort();
    if (hive_open(&hive, (struct view){bytes, length}, &f) || hive.dirty || hive.refused ||
        tree_load(&again, &hive, &b, &f) || count(again.root) != count(tree.root))
        abort();
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    size -= 3;
    size_t first = (size_t)data[size] * UNIT, second = (size_t)data[size + 1] * UNIT;
    if (data[size + 2] & 1)
        judge_tree(data, size);
    else if (first <= second && second <= size)
        judge_log(data, size, first, second);
    return 0;
}
