/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prints a registry hive as core reads it, for tests: hive_dump FILE [LOG1 [LOG2 [LOG]]], with what
 * its logs hold, as mkimage replays them; a log called - is not there. A line a key, `PATH`, and a
 * line a value, `PATH NAME TYPE HEX`, parted by tabs, root first, in the hive's order; before them
 * `dirty` or `refused: ...` where that is so, and with logs `replayed N` or `stale: ...`. Exit
 * status 1: something in it failed, with its sentence on standard error.
 */
#include <stdio.h>
#include <stdlib.h>
#include "core/base/text.h"
#include "core/hive/hive.h"
#include "windows/hivelog.h"

#define DEPTH_MAX 64
#define FILE_MAX  ((size_t)64 << 20)

static struct hive hive;
static int failed;

static void complain(const struct fail *f)
{
    char line[512];
    errors_format(f, line, sizeof line);
    fprintf(stderr, "%s\n", line);
    failed = 1;
}

static void print_values(const struct hive_key *key, const char *path)
{
    for (uint32_t i = 0; i < key->values; i++) {
        struct hive_value value;
        struct fail f;
        char name[1024];
        struct text t;
        if (hive_value(&hive, key, i, &value, &f)) {
            complain(&f);
            continue;
        }
        text_init(&t, name, sizeof name);
        hive_name_text(&t, value.name);
        printf("%s\t%s\t%u\t", path, name, value.type);
        for (size_t n = 0; n < value.data.size; n++)
            printf("%02x", value.data.data[n]);
        printf("%s\n", value.in_pieces ? "in pieces" : "");
    }
}

static void print_key(const struct hive_key *key, const char *path, unsigned depth)
{
    printf("%s\n", path);
    print_values(key, path);
    for (uint32_t i = 0; depth < DEPTH_MAX && i < key->subkeys; i++) {
        struct hive_key child;
        struct fail f;
        char line[8192];
        struct text t;
        if (hive_subkey(&hive, key, i, &child, &f)) {
            complain(&f);
            continue;
        }
        text_init(&t, line, sizeof line);
        text_str(&t, path);
        text_char(&t, '\\');
        hive_name_text(&t, child.name);
        print_key(&child, line, depth + 1);
    }
}

/* The whole file, allocated; nothing where there is none. */
static struct view load(const char *name)
{
    FILE *file = fopen(name, "rb");
    uint8_t *bytes = malloc(FILE_MAX);
    if (!bytes)
        exit(2);
    size_t size = file ? fread(bytes, 1, FILE_MAX, file) : 0;
    if (file)
        fclose(file);
    uint8_t *fits = realloc(bytes, size + 1); /* so that sanitizers see its end */
    return (struct view){fits, size};
}

static void replay(struct view *bytes, char **name, int count)
{
    struct view log[HIVELOG_LOGS] = {0};
    for (int i = 0; i < count; i++)
        log[i] = load(name[i]);
    uint8_t *data = (uint8_t *)(uintptr_t)bytes->data;
    struct hivelog_result result = hivelog_replay(&data, &bytes->size, log);
    bytes->data = data;
    if (result.why)
        printf("stale: %s\n", result.why);
    else
        printf("replayed %u\n", result.entries);
    for (int i = 0; i < count; i++)
        free((void *)(uintptr_t)log[i].data);
}

int main(int argc, char **argv)
{
    struct hive_key root;
    struct fail f;
    if (argc < 2 || argc > 2 + (int)HIVELOG_LOGS) {
        fprintf(stderr, "usage: hive_dump FILE [LOG1 [LOG2 [LOG]]]\n");
        return 2;
    }
    struct view bytes = load(argv[1]);
    if (argc > 2)
        replay(&bytes, argv + 2, argc - 2);
    if (hive_open(&hive, bytes, &f) || hive_root(&hive, &root, &f)) {
        complain(&f);
    } else {
        if (hive.dirty)
            printf("dirty\n");
        if (hive.refused)
            printf("refused: %s\n", hive.refused);
        print_key(&root, "", 0);
    }
    free((void *)(uintptr_t)bytes.data);
    return failed;
}
