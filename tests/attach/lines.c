/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server of mkimage attach over sockets that the caller left open, in the kernel's place:
 *
 *     lines FILE persistent|discard|none REST FD [FD ...]
 *
 * Says "flags N size N", then serves until each socket has ended, and says "well" or "badly"; or
 * until there is something to read from the descriptor REST, if that is not -1, and says "rests".
 * Linked statically, with nothing but what a program of an initramfs may need.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "attach/server.h"
#include "serve/serve.h"

static int failed(const struct fail *f)
{
    char sentence[512];
    errors_format(f, sentence, sizeof sentence);
    fprintf(stderr, "%s\n", sentence);
    return 1;
}

static void tell(void *ctx, const char *sentence)
{
    fprintf(ctx, "%s\n", sentence);
}

int main(int argc, char **argv)
{
    int fd[SERVER_LINES_MAX];
    unsigned fds = 0;
    if (argc < 5)
        return 2;
    for (int i = 4; i < argc && fds < SERVER_LINES_MAX; i++)
        fd[fds++] = atoi(argv[i]);
    struct fail f;
    struct serve_options options = {.file = argv[1],
                                    .write = !strcmp(argv[2], "none")      ? WRITE_NONE
                                             : !strcmp(argv[2], "discard") ? WRITE_DISCARD
                                                                           : WRITE_PERSISTENT};
    struct serve *disk = serve_open(&options, &f);
    struct server server;
    if (!disk || server_open(&server, disk, fd, fds, &f))
        return failed(&f);
    server.tell = tell;
    server.ctx = stderr;
    server.rest = atoi(argv[3]);
    if (server_start(&server, &f))
        return failed(&f);
    printf("flags %" PRIu64 " size %" PRIu64 "\n", server_flags(disk), serve_size(disk));
    fflush(stdout);
    bool well = server_wait(&server), rests = server_rests(&server);
    server_close(&server);
    if (serve_close(disk, &f))
        return failed(&f);
    puts(well ? "well" : rests ? "rests" : "badly");
    return 0;
}
