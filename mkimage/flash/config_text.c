/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines are found by a look that is simpler than the parser's; a new text is taken only where
 * the parser reads from it what was meant, and nothing else than before.
 */
#include "flash/config_text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/base/file.h"
#include "core/chain/path.h"
#include "core/entry/open.h"
#include "core/entry/password.h"

#define BY_HAND "Edit \\vhdboot.cfg by hand (README.md says how), then run this again."

static enum status open_text(struct config_text *m, struct ntfs *volume, struct arena *a,
                             bool may_be_empty)
{
    *m = (struct config_text){.newline = "\r\n"};
    struct file file;
    struct fail f;
    bool from_file;
    enum err err = boot_own_entries(&m->config, &from_file, volume, a, &f);
    bool empty = err == ERR_NOT_FOUND && may_be_empty;
    if (err && !empty)
        return say_fail(&f);
    err = ERR_OK;
    if (empty || from_file) {
        err = ntfs_open(volume, BOOT_CONFIG_PATH, &file, &f);
        if (!err && file.size > CONFIG_SIZE_MAX)
            err = fail(&f, ERR_CONFIG, "the file has %u bytes: more than a config may have",
                       file.size);
        m->size = err ? 0 : (size_t)file.size;
        if (empty && err == ERR_NOT_FOUND)
            err = ERR_OK;
    }
    m->text = malloc(m->size + 1);
    if (!m->text)
        return say_no_memory();
    if (!err && m->size)
        err = file_read(&file, 0, m->text, (uint32_t)m->size, &f);
    if (!err && empty)
        err = config_parse(&m->config, (const uint8_t *)m->text, (uint32_t)m->size, a, &f);
    if (err)
        return say_fail(&f);
    m->text[m->size] = '\0';
    const char *end = memchr(m->text, '\n', m->size);
    if (end && (end == m->text || end[-1] != '\r'))
        m->newline = "\n";

    struct config *own = calloc(1, sizeof *own);
    if (!own)
        return say_no_memory();
    err = config_parse(own, (const uint8_t *)m->text, (uint32_t)m->size, a, &f);
    m->complete = !err && (own->count || empty);
    if (!err) { /* what stands before the sections, where the entries are the root folder's, too */
        m->config.console = own->console;
        m->config.serial_port = own->serial_port;
        m->config.serial_baud = own->serial_baud;
        m->config.password = own->password;
    }
    free(own);
    return err ? say_fail(&f) : STATUS_OK;
}

enum status config_text_open(struct config_text *m, struct ntfs *volume, struct arena *a)
{
    return open_text(m, volume, a, false);
}

enum status config_text_open_empty(struct config_text *m, struct ntfs *volume, struct arena *a)
{
    return open_text(m, volume, a, true);
}

void config_text_close(struct config_text *m)
{
    free(m->text);
    *m = (struct config_text){0};
}

static bool same_password(const struct password *a, const struct password *b)
{
    return !a == !b &&
           (!a || (a->iterations == b->iterations && !memcmp(a->salt, b->salt, sizeof a->salt) &&
                   !memcmp(a->hash, b->hash, sizeof a->hash)));
}

static bool same_entry(const struct config_entry *a, const struct config_entry *b)
{
    bool same = !strcmp(a->name, b->name) && !strcmp(a->title, b->title) &&
                !strcmp(a->vhd, b->vhd) && a->start.kind == b->start.kind &&
                a->start.number == b->start.number && a->start.by_bios == b->start.by_bios &&
                !strcmp(a->start.path ? a->start.path : "", b->start.path ? b->start.path : "") &&
                a->parent_count == b->parent_count && a->write == b->write && a->ram == b->ram &&
                a->discard_max == b->discard_max && a->force == b->force && a->hide == b->hide &&
                a->quiet == b->quiet && a->hidden == b->hidden && a->native == b->native &&
                same_password(a->password, b->password);
    for (unsigned i = 0; same && i < a->parent_count; i++)
        same = !strcmp(a->parent[i], b->parent[i]);
    return same;
}

/* Does the text read as `wanted`? */
static bool reads_as(const char *text, size_t size, const struct config *wanted, struct arena *a)
{
    struct fail f;
    struct config *now = calloc(1, sizeof *now);
    size_t mark = arena_mark(a);
    bool same = now && size <= CONFIG_SIZE_MAX &&
                !config_parse(now, (const uint8_t *)text, (uint32_t)size, a, &f) &&
                now->count == wanted->count && now->default_entry == wanted->default_entry &&
                now->timeout_seconds == wanted->timeout_seconds &&
                now->console == wanted->console && now->serial_port == wanted->serial_port &&
                now->serial_baud == wanted->serial_baud &&
                same_password(now->password, wanted->password);
    for (unsigned i = 0; same && i < now->count; i++)
        same = same_entry(&now->entry[i], &wanted->entry[i]);
    arena_release(a, mark);
    free(now);
    return same;
}

bool config_text_take(struct config_text *m, char *text, size_t size, struct arena *a)
{
    if (!reads_as(text, size, &m->config, a)) {
        free(text);
        return false;
    }
    free(m->text);
    m->text = text;
    m->size = size;
    return true;
}

enum status config_text_complete(struct config_text *m, struct arena *a)
{
    if (m->complete)
        return STATUS_OK;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return say_no_memory();
    fwrite(m->text, 1, m->size, file);
    if (m->size && m->text[m->size - 1] != '\n')
        fputs(m->newline, file);
    fprintf(file, "# The images of the root folder, which were the menu by themselves.%s",
            m->newline);
    for (unsigned i = 0; i < m->config.count; i++) {
        const struct config_entry *e = &m->config.entry[i];
        fprintf(file, "%s[%s]%svhd = %s%s", m->newline, e->name, m->newline, e->vhd, m->newline);
    }
    if (fclose(file)) {
        free(text);
        return say_no_memory();
    }
    if (!config_text_take(m, text, size, a))
        return say_error("Rename the images, or write a \\vhdboot.cfg by hand.",
                         "the images of the root folder cannot be written into a config, for "
                         "their names");
    m->complete = true;
    return STATUS_OK;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Where the value of a line with this key stands, by a look that need not be the parser's: a wrong
 * one is found out when the new text is judged. */
static bool find_value(const char *line, const char *end, const char *key, const char **value,
                       size_t *length)
{
    while (line < end && is_blank(*line))
        line++;
    size_t n = strlen(key);
    if ((size_t)(end - line) < n || strncasecmp(line, key, n))
        return false;
    line += n;
    while (line < end && is_blank(*line))
        line++;
    if (line == end || *line++ != '=')
        return false;
    while (line < end && is_blank(*line))
        line++;
    for (const char *c = line; c < end; c++) {
        if (*c == '#' && is_blank(c[-1]))
            end = c;
    }
    while (end > line && is_blank(end[-1]))
        end--;
    *value = line;
    *length = (size_t)(end - line);
    return true;
}

/* The text with one value replaced; NULL where memory is out. */
static char *replaced(const struct config_text *m, const char *value, size_t length,
                      const char *with, size_t *size)
{
    size_t before = (size_t)(value - m->text), n = strlen(with);
    char *text = malloc(m->size - length + n + 1);
    if (!text)
        return NULL;
    memcpy(text, m->text, before);
    memcpy(text + before, with, n);
    memcpy(text + before + n, value + length, m->size - before - length);
    *size = m->size - length + n;
    return text;
}

enum status config_text_set_vhd(struct config_text *m, unsigned index, const char *vhd,
                                struct arena *a)
{
    const char *old = m->config.entry[index].vhd;
    m->config.entry[index].vhd = vhd;
    for (size_t at = m->size; at;) { /* the last line of a key counts; ends: at shrinks */
        size_t end = at;
        if (m->text[end - 1] == '\n')
            end--;
        at = end;
        while (at && m->text[at - 1] != '\n')
            at--;
        const char *value;
        size_t length, size;
        const char *line = m->text + at;
        if (!at && end >= 3 && !memcmp(line, "\xef\xbb\xbf", 3))
            line += 3;
        if (!find_value(line, m->text + end, "vhd", &value, &length))
            continue;
        char *text = replaced(m, value, length, vhd, &size);
        if (!text)
            return say_no_memory();
        if (config_text_take(m, text, size, a))
            return STATUS_OK;
    }
    m->config.entry[index].vhd = old;
    return say_error(BY_HAND, "\\vhdboot.cfg, entry %s: its image cannot be changed to %s",
                     m->config.entry[index].name, vhd);
}

/* How long the path's volume name with its colon is, where that is the one; else 0. */
static size_t named(const char *path, bool (*is)(void *ctx, const char *name, size_t length),
                    void *ctx)
{
    size_t n = chain_path_volume(path);
    return n && is(ctx, path, n - 1) ? n : 0;
}

/* The text without those names; lines are looked at up to each of their possible ends. */
static void write_left(FILE *file, const struct config_text *m,
                       bool (*is)(void *ctx, const char *name, size_t length), void *ctx,
                       unsigned *changed)
{
    const char *limit = m->text + m->size, *value;
    size_t length;
    for (const char *at = m->text, *end; at < limit; at = end) { /* ends: `end` moves on */
        for (end = at; end < limit && *end != '\n' && *end != '\r';)
            end++;
        bool bom = at == m->text && end - at >= 3 && !memcmp(at, "\xef\xbb\xbf", 3);
        const char *line = bom ? at + 3 : at;
        bool found = find_value(line, end, "vhd", &value, &length) ||
                     find_value(line, end, "parent", &value, &length);
        size_t n = 0;
        char *path = found ? strndup(value, length) : NULL;
        if (path)
            n = named(path, is, ctx);
        free(path);
        *changed += n != 0;
        if (end < limit)
            end++;
        if (n)
            fwrite(at, 1, (size_t)(value - at), file);
        fwrite(n ? value + n : at, 1, (size_t)(end - (n ? value + n : at)), file);
    }
}

enum status config_text_leave_volume(struct config_text *m,
                                     bool (*is)(void *ctx, const char *name, size_t length),
                                     void *ctx, unsigned *changed, struct arena *a)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    *changed = 0;
    if (!file)
        return say_no_memory();
    write_left(file, m, is, ctx, changed);
    if (fclose(file)) {
        free(text);
        return say_no_memory();
    }
    for (unsigned i = 0; i < m->config.count; i++) {
        struct config_entry *e = &m->config.entry[i];
        e->vhd += named(e->vhd, is, ctx);
        for (unsigned k = 0; k < e->parent_count; k++)
            e->parent[k] += named(e->parent[k], is, ctx);
    }
    if (!m->complete) { /* its entries are the root folder's */
        free(text);
        *changed = 0;
        return STATUS_OK;
    }
    return config_text_take(m, text, size, a)
               ? STATUS_OK
               : say_error(BY_HAND,
                           "\\vhdboot.cfg: the volume's name cannot be taken off its paths");
}
