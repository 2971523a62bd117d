/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UTF-8 into names, and name after name through the folders, `..` without asking the volume. */
#include "core/ntfs/path.h"
#include "core/base/arena.h"
#include "core/base/path.h"
#include "core/base/text.h"
#include "core/ntfs/lookup.h"
#include "core/ntfs/ntfs.h"

/* The code point at *s, which has `left` (> 0) bytes; UINT32_MAX where it is malformed. */
static uint32_t code_point(const uint8_t **s, size_t left)
{
    uint8_t lead = *(*s)++;
    if (lead < 0x80)
        return lead;
    unsigned more = lead >= 0xc2 && lead < 0xe0 ? 1 : (lead & 0xf0) == 0xe0 ? 2 : 3;
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (lead < 0xc2 || lead > 0xf4 || more >= left)
        return UINT32_MAX;
    uint32_t c = lead & (0x3fu >> more);
    for (unsigned i = 0; i < more; i++) {
        uint8_t next = *(*s)++;
        if ((next & 0xc0) != 0x80)
            return UINT32_MAX;
        c = c << 6 | (next & 0x3f);
    }
    return c >= least[more] && c <= 0x10ffff ? c : UINT32_MAX;
}

bool ntfs_units_from_utf8(const char *utf8, size_t bytes, uint8_t *units, uint8_t *length)
{
    const uint8_t *s = (const uint8_t *)utf8;
    const uint8_t *end = s + bytes;
    unsigned count = 0;
    while (s < end) { /* ends: code_point() moves s on */
        uint32_t c = code_point(&s, (size_t)(end - s));
        unsigned need = c >= 0x10000 ? 2 : 1;
        if (c == UINT32_MAX || !c || count + need > NTFS_NAME_MAX)
            return false;
        uint16_t unit[2] = {(uint16_t)c, 0};
        if (need == 2) {
            unit[0] = (uint16_t)(0xd800 + ((c - 0x10000) >> 10));
            unit[1] = (uint16_t)(0xdc00 + ((c - 0x10000) & 0x3ff));
        }
        for (unsigned i = 0; i < need; i++, count++) {
            units[2 * count] = (uint8_t)unit[i];
            units[2 * count + 1] = (uint8_t)(unit[i] >> 8);
        }
    }
    *length = (uint8_t)count;
    return true;
}

/* A path on its way: the folders passed, for "..", and the text so far. */
struct walk {
    struct ntfs *vol;
    struct ntfs_path *path;
    struct text text;
    unsigned depth;
    uint64_t *parent;    /* [depth] */
    size_t *parent_text; /* length of the text there */
};

static void leave_folder(struct walk *w)
{
    if (!w->depth)
        return; /* ".." in the root is the root */
    w->depth--;
    w->path->reference = w->parent[w->depth];
    w->text.len = w->parent_text[w->depth];
    w->text.buf[w->text.len] = '\0';
}

/* Takes one part of the path: `bytes` of UTF-8, without separators and stream. */
static enum err enter(struct walk *w, const char *part, size_t bytes, struct fail *f)
{
    if (bytes == 1 && part[0] == '.')
        return ERR_OK;
    if (bytes == 2 && part[0] == '.' && part[1] == '.') {
        leave_folder(w);
        return ERR_OK;
    }
    if (w->depth == NTFS_PATH_DEPTH)
        return fail(f, ERR_LIMIT, "the path leads through more than %u folders", NTFS_PATH_DEPTH);

    uint8_t units[2 * NTFS_NAME_MAX];
    uint8_t length;
    if (!ntfs_units_from_utf8(part, bytes, units, &length))
        return fail(f, ERR_NOT_FOUND, "a part of the path is no valid name (at most 255 units)", 0);

    uint64_t reference;
    enum err err =
        ntfs_lookup(w->vol, w->path->reference, units, length, &reference, units, &length, f);
    if (err)
        return err;
    w->parent[w->depth] = w->path->reference;
    w->parent_text[w->depth] = w->text.len;
    w->depth++;
    w->path->reference = reference;
    text_char(&w->text, '\\');
    text_utf16le(&w->text, units, length);
    return ERR_OK;
}

/* Takes the suffix behind a name: ":stream" or ":stream:$DATA". */
static enum err take_stream(struct walk *w, const char *s, struct fail *f)
{
    static const char type[] = ":$DATA";
    size_t bytes = text_length(s);
    if (bytes >= sizeof type - 1 && !text_compare(s + bytes - (sizeof type - 1), type))
        bytes -= sizeof type - 1;
    struct ntfs_path *path = w->path;
    if (!ntfs_units_from_utf8(s, bytes, path->stream, &path->stream_length))
        return fail(f, ERR_NOT_FOUND, "the stream's name is no valid one (at most 255 units)", 0);
    if (path->stream_length) {
        text_char(&w->text, ':');
        text_utf16le(&w->text, path->stream, path->stream_length);
    }
    return ERR_OK;
}

static enum err walk_parts(struct walk *w, const char *s, struct fail *f)
{
    while (*s) { /* ends: s moves on */
        if (path_is_separator(*s)) {
            s++;
            continue;
        }
        size_t bytes = 0;
        while (s[bytes] && !path_is_separator(s[bytes]) && s[bytes] != ':')
            bytes++;
        enum err err = bytes ? enter(w, s, bytes, f) : ERR_OK;
        if (err)
            return err;
        s += bytes;
        if (*s == ':')
            return take_stream(w, s + 1, f);
    }
    return ERR_OK;
}

enum err ntfs_path_resolve(struct ntfs *vol, const char *text, struct ntfs_path *path,
                           struct fail *f)
{
    size_t mark = arena_mark(vol->arena);
    struct walk w = {.vol = vol, .path = path};
    w.parent = arena_array(vol->arena, NTFS_PATH_DEPTH, sizeof *w.parent);
    w.parent_text = arena_array(vol->arena, NTFS_PATH_DEPTH, sizeof *w.parent_text);
    if (!w.parent || !w.parent_text)
        return fail(f, ERR_MEMORY, "no memory for a path of %u folders", NTFS_PATH_DEPTH);

    text_init(&w.text, path->text, path->text_size);
    path->reference = NTFS_ROOT;
    path->stream_length = 0;
    enum err err = walk_parts(&w, text, f);
    if (!err && !w.text.len)
        text_char(&w.text, '\\');
    arena_release(vol->arena, mark);
    return err;
}
