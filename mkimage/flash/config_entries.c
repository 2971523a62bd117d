/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole lines are copied or left out; which ones, is judged by the loader's parser in the end. */
#include "flash/config_entries.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/base/path.h"

#define BY_HAND "Edit \\vhdboot.cfg by hand (README.md says how)."

static const char *mode_name(enum write_mode mode)
{
    return mode == WRITE_NONE ? "none" : mode == WRITE_DISCARD ? "discard" : "persistent";
}

static void write_entry(FILE *file, const struct config_text *m, const struct config_entry *e)
{
    const char *n = m->newline;
    bool image = e->start.kind == START_IMAGE;
    fwrite(m->text, 1, m->size, file);
    if (m->size && m->text[m->size - 1] != '\n')
        fputs(n, file);
    fprintf(file, "%s[%s]%s", m->size ? n : "", e->name, n);
    if (strcmp(e->title, e->name) != 0)
        fprintf(file, "title = %s%s", e->title, n);
    fprintf(file, "%s = %s%s", image ? "vhd" : "boot", image ? e->vhd : e->start.path, n);
    if (e->write != WRITE_PERSISTENT)
        fprintf(file, "write = %s%s", mode_name(e->write), n);
}

enum status config_entries_add(struct config_text *m, const struct config_entry *entry,
                               struct arena *a)
{
    struct config *c = &m->config;
    char *text = NULL;
    size_t size = 0;
    if (c->count == CONFIG_ENTRIES_MAX)
        return say_error("Remove one first (mkimage remove).",
                         "\\vhdboot.cfg: has %u entries, and no more are possible", c->count);
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return say_no_memory();
    write_entry(file, m, entry);
    if (fclose(file)) {
        free(text);
        return say_no_memory();
    }
    if (size > CONFIG_SIZE_MAX) {
        free(text);
        return say_error("Make it shorter.", "\\vhdboot.cfg: would be longer than %u bytes",
                         CONFIG_SIZE_MAX);
    }
    c->entry[c->count++] = *entry;
    if (config_text_take(m, text, size, a))
        return STATUS_OK;
    memset(&c->entry[--c->count], 0, sizeof c->entry[0]);
    return say_error("Choose another --title or --name, or edit \\vhdboot.cfg by hand.",
                     "\\vhdboot.cfg: an entry %s, %s, for %s cannot be written in it", entry->name,
                     entry->title, *entry->vhd ? entry->vhd : entry->start.path);
}

static bool is_used(const struct config *c, const char *name)
{
    for (unsigned i = 0; i < c->count; i++) {
        if (!strcasecmp(c->entry[i].name, name))
            return true;
    }
    return false;
}

char *config_entries_name(const struct config_text *m, const char *path)
{
    const char *last = path_last_part(path), *dot = strrchr(last, '.');
    size_t length = dot && dot > last ? (size_t)(dot - last) : strlen(last);
    while (length && (last[length - 1] == ' ' || last[length - 1] == '\t'))
        length--;
    char *name = strndup(last, length);
    for (unsigned number = 2; name && is_used(&m->config, name); number++) { /* ends: 32 entries */
        free(name);
        if (asprintf(&name, "%.*s-%u", (int)length, last, number) < 0)
            name = NULL;
    }
    return name;
}

/* A line of the text without its end, and without the blanks around it. */
struct line {
    const char *start, *end, *next;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* As the parser parts them: LF, CR LF, or CR alone. */
static struct line line_at(const char *at, const char *limit)
{
    struct line line = {.start = at};
    while (at < limit && *at != '\n' && *at != '\r')
        at++;
    line.end = at;
    if (at < limit && *at == '\r')
        at++;
    if (at < limit && *at == '\n' && (at == line.end || at[-1] == '\r'))
        at++;
    line.next = at;
    while (line.start < line.end && is_blank(*line.start))
        line.start++;
    while (line.end > line.start && is_blank(line.end[-1]))
        line.end--;
    return line;
}

/* Is it the head of the section of this name? */
static bool is_head(const struct line *line, const char *name)
{
    const char *start = line->start + 1, *end = line->end;
    for (const char *c = line->start; c < end; c++) {
        if (*c == '#' && (c == line->start || is_blank(c[-1])))
            end = c;
    }
    while (end > start && is_blank(end[-1]))
        end--;
    if (end <= start || *line->start != '[' || end[-1] != ']')
        return false;
    end--;
    while (start < end && is_blank(*start))
        start++;
    while (end > start && is_blank(end[-1]))
        end--;
    return (size_t)(end - start) == strlen(name) && !strncasecmp(start, name, strlen(name));
}

/* Is it `default = ...`? Which one it names needs no look: it is asked where it is to go. */
static bool is_default(const struct line *line)
{
    static const char key[] = "default";
    const char *c = line->start;
    if (line->end - c < (long)sizeof key || strncasecmp(c, key, sizeof key - 1))
        return false;
    c += sizeof key - 1;
    while (c < line->end && is_blank(*c))
        c++;
    return c < line->end && *c == '=';
}

/* The text without the section; with `drop_default` without that key as well. */
static void write_without(FILE *file, const struct config_text *m, const char *name,
                          bool drop_default)
{
    const char *at = m->text, *limit = m->text + m->size;
    bool inside = false, done = false, before_sections = true;
    if (m->size >= 3 && !memcmp(at, "\xef\xbb\xbf", 3)) {
        fwrite(at, 1, 3, file);
        at += 3;
    }
    while (at < limit) { /* ends: a line has a byte */
        struct line line = line_at(at, limit);
        bool empty = line.start == line.end, comment = !empty && *line.start == '#';
        bool leave_out = inside && !comment;
        if (!empty && *line.start == '[') {
            inside = leave_out = !done && is_head(&line, name);
            done |= inside;
            before_sections = false;
        } else if (before_sections && drop_default && is_default(&line)) {
            leave_out = true;
        }
        if (!leave_out)
            fwrite(at, 1, (size_t)(line.next - at), file);
        at = line.next;
    }
}

enum status config_entries_remove(struct config_text *m, unsigned index, struct arena *a)
{
    struct config *c = &m->config;
    struct config *before = malloc(sizeof *before);
    if (!before)
        return say_no_memory();
    *before = *c;
    const char *name = before->entry[index].name;
    memmove(&c->entry[index], &c->entry[index + 1],
            (CONFIG_ENTRIES_MAX - 1 - index) * sizeof c->entry[0]);
    memset(&c->entry[CONFIG_ENTRIES_MAX - 1], 0, sizeof c->entry[0]);
    c->count--;
    bool is_default_one = before->default_entry == index;
    c->default_entry = is_default_one             ? 0
                       : c->default_entry > index ? c->default_entry - 1
                                                  : c->default_entry;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file)
        write_without(file, m, name, is_default_one);
    enum status status = STATUS_OK;
    if (!file || fclose(file))
        status = say_no_memory();
    else if (!config_text_take(m, text, size, a))
        status = say_error(BY_HAND, "\\vhdboot.cfg: entry %s cannot be taken out of it", name);
    if (status)
        *c = *before;
    free(before);
    return status;
}
