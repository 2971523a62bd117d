/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server's side of NBD over sockets that are connected already, as the kernel's client is: no
 * handshake. One thread for each socket; a request is answered before the next one of its socket
 * is read, so as many go at once as there are sockets. A flush on one is one for all.
 *
 * Promises: nothing is allocated after server_open(); a client that says what it must not loses its
 * socket, not the disk. A server that is told to rest ends between two requests of each socket: who
 * else holds the sockets can have another server go on with what was not read yet.
 */
#ifndef MKIMAGE_ATTACH_SERVER_H
#define MKIMAGE_ATTACH_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"

#define SERVER_LINES_MAX 16

struct serve;

struct server_line {
    struct server *server;
    int fd;
    pthread_t thread;
    bool started;
    bool ended_well; /* the client said that it was the end */
    bool rests;      /* its socket can be gone on with */
    uint8_t *buffer;
};

/* Tells whoever looks after the machine that a request failed. Must not allocate. */
typedef void server_tell(void *ctx, const char *sentence);

struct server {
    struct serve *disk; /* the caller's */
    server_tell *tell;  /* NULL: nobody is told */
    void *ctx;
    int rest; /* can be read, and stays so, when all lines have to rest; -1: never */
    unsigned lines;
    struct server_line line[SERVER_LINES_MAX];
};

/* What a client has to know of the disk: bits of enum wire_can. */
uint64_t server_flags(const struct serve *disk);

/* Takes over the sockets. 0 or an errno with the sentence in `f`; the sockets are closed then.
 * `tell` and `rest` can be set afterwards. */
int server_open(struct server *s, struct serve *disk, const int *fd, unsigned fds, struct fail *f);

/* Starts answering, in threads of this process: after the last fork. */
int server_start(struct server *s, struct fail *f);

/* Until every socket has ended. Did the client end each by saying so? */
bool server_wait(struct server *s);

/* After that: do all sockets rest? */
bool server_rests(const struct server *s);

/* Closes the sockets, ends the threads, frees all. The disk stays open. */
void server_close(struct server *s);

#endif
