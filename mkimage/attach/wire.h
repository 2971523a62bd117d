/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel's NBD client and a server say to each other once they are connected: requests of
 * 28 bytes, a write's data behind them; simple replies of 16, a read's data behind them. All
 * big-endian. From the NBD protocol document ("Transmission phase").
 */
#ifndef MKIMAGE_ATTACH_WIRE_H
#define MKIMAGE_ATTACH_WIRE_H

#include <assert.h>
#include <stddef.h>
#include "core/base/endian.h"

#define WIRE_REQUEST_MAGIC 0x25609513u
#define WIRE_REPLY_MAGIC   0x67446698u

struct wire_request {
    be32 magic;  /* 0x00 */
    be16 flags;  /* 0x04: enum wire_flag */
    be16 type;   /* 0x06: enum wire_type */
    be64 cookie; /* 0x08: comes back in the reply */
    be64 offset; /* 0x10 */
    be32 length; /* 0x18 */
};
static_assert(sizeof(struct wire_request) == 28);
static_assert(offsetof(struct wire_request, length) == 0x18);

struct wire_reply {
    be32 magic;  /* 0x00 */
    be32 error;  /* 0x04: 0, or one of the errno that the protocol knows */
    be64 cookie; /* 0x08 */
};
static_assert(sizeof(struct wire_reply) == 16);
static_assert(offsetof(struct wire_reply, cookie) == 8);

enum wire_type {
    WIRE_READ = 0,
    WIRE_WRITE = 1,
    WIRE_DISCONNECT = 2,
    WIRE_FLUSH = 3,
    WIRE_TRIM = 4,
    WIRE_WRITE_ZEROES = 6,
};

/* What a request may ask for besides. */
enum wire_flag {
    WIRE_FUA = 1 << 0,     /* on the medium when it is answered */
    WIRE_NO_HOLE = 1 << 1, /* zeros that keep their space */
};

/* What a server can do, as the client is told when it is connected. */
enum wire_can {
    WIRE_HAS_FLAGS = 1 << 0,
    WIRE_READ_ONLY = 1 << 1,
    WIRE_CAN_FLUSH = 1 << 2,
    WIRE_CAN_FUA = 1 << 3,
    WIRE_CAN_TRIM = 1 << 5,
    WIRE_CAN_WRITE_ZEROES = 1 << 6,
    WIRE_CAN_MULTI_CONN = 1 << 8,
};

#endif
