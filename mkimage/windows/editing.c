/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libhivex works on files: they are the kernel's, in memory. What stands in a hive beside keys and
 * values (security, classes) is not compared: nothing here changes it. */
#include "windows/editing.h"
#include <errno.h>
#include <fcntl.h>
#include <hivex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/endian.h"
#include "host/fd.h"

#define NAME_MAX_BYTES 64
#define DEPTH_MAX      512u /* Windows' keys lie no deeper */

struct memory_file {
    int fd;
    char path[NAME_MAX_BYTES];
};

static bool memory_open(struct memory_file *m)
{
    m->fd = memfd_create("hive", MFD_CLOEXEC);
    snprintf(m->path, sizeof m->path, "/proc/self/fd/%d", m->fd);
    return m->fd >= 0;
}

/* The hive of these bytes, in a file of its own; NULL: errno says why not. */
static hive_h *hive_open(struct memory_file *m, const uint8_t *bytes, size_t size, int flags)
{
    bool ok = memory_open(m) && fd_pwrite(m->fd, bytes, size, 0);
    return ok ? hivex_open(m->path, flags) : NULL;
}

/* `h`, the hive in it, may be NULL. */
static void memory_close(const struct memory_file *m, hive_h *h)
{
    if (h)
        hivex_close(h);
    if (m->fd >= 0)
        close(m->fd);
}

/* The key at a path, made where it is missing and `make` says so; 0: there is none. */
static hive_node_h find(hive_h *h, const char *path, bool make)
{
    hive_node_h node = hivex_root(h);
    char part[200];
    while (node && *path) { /* ends: the path gets shorter */
        size_t n = strcspn(path, "\\");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        hive_node_h below = hivex_node_get_child(h, node, part);
        node = below || !make ? below : hivex_node_add_child(h, node, part);
        path += n + (path[n] == '\\');
    }
    return node;
}

/* All values of the key but this one: libhivex has no way to remove one. */
static bool drop_value(hive_h *h, hive_node_h node, const char *name)
{
    hive_value_h *values = hivex_node_values(h, node);
    size_t count = 0, kept = 0;
    while (values && values[count])
        count++;
    hive_set_value *set = calloc(count + 1, sizeof *set);
    bool ok = values && set;
    for (size_t i = 0; ok && i < count; i++) {
        char *key = hivex_value_key(h, values[i]);
        ok = key;
        if (key && strcasecmp(key, name)) {
            set[kept].key = key;
            set[kept].value = hivex_value_value(h, values[i], &set[kept].t, &set[kept].len);
            ok = set[kept].value || !set[kept].len;
            kept++;
        } else {
            free(key);
        }
    }
    ok = ok && !hivex_node_set_values(h, node, kept, set, 0);
    for (size_t i = 0; set && i < kept; i++) {
        free(set[i].key);
        free(set[i].value);
    }
    free(set);
    free(values);
    return ok;
}

static bool change(hive_h *h, const struct tuning_change *c)
{
    hive_node_h node = find(h, c->key, c->kind == TUNING_NUMBER || c->kind == TUNING_DATA);
    le32 number = le32_make(c->number);
    char nothing[2] = {0};
    hive_set_value value = {.key = (char *)(uintptr_t)c->value};
    if (!node)
        return false;
    switch (c->kind) {
    case TUNING_NUMBER:
        value.t = hive_t_REG_DWORD;
        value.len = sizeof number;
        value.value = (char *)&number;
        return !hivex_node_set_value(h, node, &value, 0);
    case TUNING_NO_LIST:
        value.t = hive_t_REG_MULTI_SZ;
        value.len = sizeof nothing;
        value.value = nothing;
        return !hivex_node_set_value(h, node, &value, 0);
    case TUNING_DATA:
        value.t = (hive_type)c->type;
        value.len = c->size;
        value.value = (char *)(uintptr_t)c->data;
        return !hivex_node_set_value(h, node, &value, 0);
    case TUNING_NO_VALUE:
        return drop_value(h, node, c->value);
    case TUNING_NO_KEY:
        return !hivex_node_delete_child(h, node);
    }
    return false;
}

static bool take(const struct memory_file *m, uint8_t **after, size_t *size)
{
    struct stat st;
    int fd = open(m->path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && !fstat(fd, &st);
    *size = ok ? (size_t)st.st_size : 0;
    *after = ok ? malloc(*size + 1) : NULL;
    ok = *after && fd_pread(fd, *after, *size, 0);
    if (fd >= 0)
        close(fd);
    return ok;
}

enum status editing_apply(const char *name, const uint8_t *before, size_t size,
                          const struct tuning *changes, uint8_t **after, size_t *after_size)
{
    struct memory_file from, to = {.fd = -1};
    hive_h *h = hive_open(&from, before, size, HIVEX_OPEN_WRITE);
    bool ok = h && memory_open(&to);
    *after = NULL;
    for (unsigned i = 0; ok && i < changes->count; i++)
        ok = change(h, &changes->change[i]);
    ok = ok && !hivex_commit(h, to.path, 0) && take(&to, after, after_size);
    int keep = errno;
    memory_close(&from, h);
    memory_close(&to, NULL);
    if (ok)
        return STATUS_OK;
    free(*after);
    *after = NULL;
    return say_error("Start that Windows once and shut it down, or restore the hive.",
                     "%s: libhivex cannot change it: %s", name, strerror(keep));
}

/* --- The same? */

static size_t count_of(const size_t *list)
{
    size_t count = 0;
    while (list && list[count])
        count++;
    return count;
}

static bool value_same(hive_h *h, hive_value_h a, hive_h *g, hive_value_h b)
{
    hive_type one, other;
    size_t size, length;
    char *x = hivex_value_value(h, a, &one, &size), *y = hivex_value_value(g, b, &other, &length);
    bool same = x && y && one == other && size == length && !memcmp(x, y, size);
    free(x);
    free(y);
    return same;
}

/* Has the other key a value of this name, and it is the same? */
static bool value_there(hive_h *h, hive_value_h a, hive_h *g, const hive_value_h *others)
{
    char *name = hivex_value_key(h, a);
    bool found = false, same = false;
    for (size_t i = 0; name && !found && others && others[i]; i++) {
        char *other = hivex_value_key(g, others[i]);
        found = other && !strcmp(name, other);
        same = found && value_same(h, a, g, others[i]);
        free(other);
    }
    free(name);
    return same;
}

static bool values_same(hive_h *h, hive_node_h a, hive_h *g, hive_node_h b)
{
    hive_value_h *one = hivex_node_values(h, a), *other = hivex_node_values(g, b);
    size_t count = count_of(one);
    bool same = one && other && count == count_of(other);
    for (size_t i = 0; same && i < count; i++)
        same = value_there(h, one[i], g, other);
    free(one);
    free(other);
    return same;
}

/* Keys lie in the order of their names in both. Ends: no deeper than DEPTH_MAX. */
static bool keys_same(hive_h *h, hive_node_h a, hive_h *g, hive_node_h b, unsigned depth)
{
    if (depth == DEPTH_MAX || !values_same(h, a, g, b))
        return false;
    hive_node_h *one = hivex_node_children(h, a), *other = hivex_node_children(g, b);
    size_t count = count_of(one);
    bool same = one && other && count == count_of(other);
    for (size_t i = 0; same && i < count; i++) {
        char *x = hivex_node_name(h, one[i]), *y = hivex_node_name(g, other[i]);
        same = x && y && !strcmp(x, y) && keys_same(h, one[i], g, other[i], depth + 1);
        free(x);
        free(y);
    }
    free(one);
    free(other);
    return same;
}

bool editing_same(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size)
{
    struct memory_file a, b;
    hive_h *h = hive_open(&a, one, one_size, 0), *g = hive_open(&b, other, other_size, 0);
    bool same = h && g && keys_same(h, hivex_root(h), g, hivex_root(g), 0);
    memory_close(&a, h);
    memory_close(&b, g);
    return same;
}
