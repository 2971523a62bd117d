/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages are put together in one buffer of fixed size; what does not fit is EMSGSIZE. */
#include "attach/netlink.h"
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/nbd-netlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_MAX 4096

struct message {
    union {
        struct nlmsghdr header;
        uint8_t bytes[MESSAGE_MAX];
    };
    bool full;
};

/* --- Putting together */

static void *put(struct message *m, unsigned type, const void *data, size_t size)
{
    size_t at = NLMSG_ALIGN(m->header.nlmsg_len), whole = NLA_HDRLEN + size;
    if (m->full || whole > UINT16_MAX || at + NLA_ALIGN(whole) > sizeof m->bytes) {
        m->full = true;
        return NULL;
    }
    struct nlattr attribute = {.nla_len = (uint16_t)whole, .nla_type = (uint16_t)type};
    memcpy(m->bytes + at, &attribute, sizeof attribute);
    if (size)
        memcpy(m->bytes + at + NLA_HDRLEN, data, size);
    m->header.nlmsg_len = (uint32_t)(at + NLA_ALIGN(whole));
    return m->bytes + at;
}

static void put_u32(struct message *m, unsigned type, uint32_t value)
{
    put(m, type, &value, sizeof value);
}

static void put_u64(struct message *m, unsigned type, uint64_t value)
{
    put(m, type, &value, sizeof value);
}

static void *nest(struct message *m, unsigned type)
{
    return put(m, type | NLA_F_NESTED, NULL, 0);
}

static void nest_end(struct message *m, void *start)
{
    if (!start)
        return;
    struct nlattr attribute;
    memcpy(&attribute, start, sizeof attribute);
    attribute.nla_len = (uint16_t)(m->bytes + m->header.nlmsg_len - (uint8_t *)start);
    memcpy(start, &attribute, sizeof attribute);
}

static void message_begin(struct message *m, struct netlink *n, uint16_t family, uint8_t command,
                          uint8_t version)
{
    memset(m, 0, sizeof *m);
    m->header = (struct nlmsghdr){.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN),
                                  .nlmsg_type = family,
                                  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
                                  .nlmsg_seq = ++n->sequence};
    struct genlmsghdr general = {.cmd = command, .version = version};
    memcpy(NLMSG_DATA(&m->header), &general, sizeof general);
}

/* --- Taking apart */

/* Attribute `type` of an answer, if it has `size` bytes. */
static bool answer_get(const struct nlmsghdr *answer, unsigned type, void *to, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)answer;
    size_t at = NLMSG_LENGTH(GENL_HDRLEN);
    struct nlattr attribute;
    while (at + NLA_HDRLEN <= answer->nlmsg_len) { /* ends: at grows by a header at least */
        memcpy(&attribute, bytes + at, sizeof attribute);
        if (attribute.nla_len < NLA_HDRLEN || attribute.nla_len > answer->nlmsg_len - at)
            return false;
        if ((attribute.nla_type & NLA_TYPE_MASK) == type &&
            attribute.nla_len == NLA_HDRLEN + size) {
            memcpy(to, bytes + at + NLA_HDRLEN, size);
            return true;
        }
        at += NLA_ALIGN(attribute.nla_len);
    }
    return false;
}

/* Sends, and waits for the kernel's yes or no; on the way, attribute `type` of its answer. */
static int ask(struct netlink *n, struct message *m, unsigned type, void *to, size_t size)
{
    bool got = !size;
    if (m->full)
        return EMSGSIZE;
    if (send(n->fd, m->bytes, m->header.nlmsg_len, 0) < 0)
        return errno;
    for (;;) { /* ends: the kernel answers each request with an acknowledgement, or recv fails */
        struct message in;
        ssize_t left = recv(n->fd, in.bytes, sizeof in.bytes, 0);
        if (left < 0 && errno == EINTR)
            continue;
        if (left < 0)
            return errno;
        for (const struct nlmsghdr *h = &in.header; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
            if (h->nlmsg_seq != m->header.nlmsg_seq)
                continue;
            if (h->nlmsg_type == NLMSG_ERROR) {
                int error = h->nlmsg_len < NLMSG_LENGTH(sizeof(int)) ? EPROTO
                                                                     : -*(const int *)NLMSG_DATA(h);
                return error ? error : got ? 0 : EPROTO;
            }
            if (size && h->nlmsg_len >= NLMSG_LENGTH(GENL_HDRLEN))
                got |= answer_get(h, type, to, size);
        }
    }
}

/* --- The interface */

int netlink_open(struct netlink *n)
{
    *n = (struct netlink){.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC)};
    struct sockaddr_nl own = {.nl_family = AF_NETLINK};
    int error = n->fd < 0 || bind(n->fd, (struct sockaddr *)&own, sizeof own) ? errno : 0;
    if (!error) {
        struct message m;
        message_begin(&m, n, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
        put(&m, CTRL_ATTR_FAMILY_NAME, NBD_GENL_FAMILY_NAME, sizeof NBD_GENL_FAMILY_NAME);
        error = ask(n, &m, CTRL_ATTR_FAMILY_ID, &n->family, sizeof n->family);
    }
    if (error)
        netlink_close(n);
    return error == EPROTONOSUPPORT ? ENOENT : error;
}

void netlink_close(struct netlink *n)
{
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
}

static void put_sockets(struct message *m, const struct netlink_device *device)
{
    void *all = nest(m, NBD_ATTR_SOCKETS);
    for (unsigned i = 0; i < device->fds; i++) {
        void *one = nest(m, NBD_SOCK_ITEM);
        put_u32(m, NBD_SOCK_FD, (uint32_t)device->fd[i]);
        nest_end(m, one);
    }
    nest_end(m, all);
}

static void put_backend(struct message *m, const struct netlink_device *device)
{
    if (device->backend)
        put(m, NBD_ATTR_BACKEND_IDENTIFIER, device->backend, strlen(device->backend) + 1);
}

int netlink_connect(struct netlink *n, const struct netlink_device *device, int *index)
{
    struct message m;
    uint32_t number;
    message_begin(&m, n, n->family, NBD_CMD_CONNECT, NBD_GENL_VERSION);
    if (device->index != -1)
        put_u32(&m, NBD_ATTR_INDEX, (uint32_t)device->index);
    put_u64(&m, NBD_ATTR_SIZE_BYTES, device->size);
    put_u64(&m, NBD_ATTR_BLOCK_SIZE_BYTES, device->sector_size);
    put_u64(&m, NBD_ATTR_SERVER_FLAGS, device->flags);
    if (device->dead_seconds)
        put_u64(&m, NBD_ATTR_DEAD_CONN_TIMEOUT, device->dead_seconds);
    put_backend(&m, device);
    put_sockets(&m, device);
    int error = ask(n, &m, NBD_ATTR_INDEX, &number, sizeof number);
    if (!error)
        *index = (int)number;
    return error;
}

int netlink_again(struct netlink *n, const struct netlink_device *device)
{
    struct message m;
    message_begin(&m, n, n->family, NBD_CMD_RECONFIGURE, NBD_GENL_VERSION);
    put_u32(&m, NBD_ATTR_INDEX, (uint32_t)device->index);
    put_backend(&m, device);
    put_sockets(&m, device);
    return ask(n, &m, 0, NULL, 0);
}

int netlink_disconnect(struct netlink *n, int index)
{
    struct message m;
    message_begin(&m, n, n->family, NBD_CMD_DISCONNECT, NBD_GENL_VERSION);
    put_u32(&m, NBD_ATTR_INDEX, (uint32_t)index);
    return ask(n, &m, 0, NULL, 0);
}
