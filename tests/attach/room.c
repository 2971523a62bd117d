/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image's room as the server of a root sees it:
 *
 *     room judge LEFT...      what is said at each of these, in bytes; "-": the disk needs no more
 *     room fill FILE          the room, before and after each new block, until a write fails
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "guest/room.h"
#include "serve/serve.h"

static int failed(const struct fail *f)
{
    char sentence[512];
    errors_format(f, sentence, sizeof sentence);
    fprintf(stderr, "%s\n", sentence);
    return 1;
}

static int judge(int count, char **word)
{
    struct room room = {0};
    char sentence[256];
    for (int i = 0; i < count; i++) {
        uint64_t left = strtoull(word[i], NULL, 10);
        enum room_level level = room_look(&room, strcmp(word[i], "-"), left);
        if (level != ROOM_ENOUGH)
            room_sentence(level, left, sentence, sizeof sentence);
        puts(level == ROOM_ENOUGH ? "." : sentence);
    }
    return 0;
}

static int fill(const char *file)
{
    struct fail f;
    struct serve_options options = {.file = file, .write = WRITE_PERSISTENT};
    struct serve *disk = serve_open(&options, &f);
    uint8_t sector[512] = {1};
    uint64_t left;
    if (!disk)
        return failed(&f);
    bool limited = serve_room(disk, &left);
    printf("%d %" PRIu64 "\n", limited, left);
    int error = 0;
    for (uint64_t off = 0; !error && limited && off < serve_size(disk); off += 2 << 20) {
        error = serve_write(disk, sector, sizeof sector, off, &f);
        limited = serve_room(disk, &left);
        if (!error)
            printf("%d %" PRIu64 "\n", limited, left);
    }
    printf("error %s\n", error == ENOSPC ? "ENOSPC" : error ? strerror(error) : "none");
    return serve_close(disk, &f) ? failed(&f) : 0;
}

int main(int argc, char **argv)
{
    if (argc > 2 && !strcmp(argv[1], "judge"))
        return judge(argc - 2, argv + 2);
    return argc == 3 && !strcmp(argv[1], "fill") ? fill(argv[2]) : 2;
}
