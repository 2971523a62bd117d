/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prints a registry hive as core reads it, for tests: hive_dump FILE. A line a key, `PATH`, and a
 * line a value, `PATH NAME TYPE HEX`, parted by tabs, root first, in the hive's order; before them
 * `dirty` or `refused: ...` where that is so. Exit status 1: something in it failed, with its
 * sentence on standard error.
 */
#include <stdio.h>
#include <stdlib.h>
#include "core/base/text.h"
#include "core/hive/hive.h"

#define DEPTH_MAX 64

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

int main(int argc, char **argv)
{
    static uint8_t bytes[64 << 20];
    struct hive_key root;
    struct fail f;
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (!file) {
        fprintf(stderr, "usage: hive_dump FILE\n");
        return 2;
    }
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    if (hive_open(&hive, (struct view){bytes, size}, &f) || hive_root(&hive, &root, &f)) {
        complain(&f);
        return 1;
    }
    if (hive.dirty)
        printf("dirty\n");
    if (hive.refused)
        printf("refused: %s\n", hive.refused);
    print_key(&root, "", 0);
    return failed;
}
