/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the text line by line; a word that is not understood gets the careful meaning. */
#include "core/entry/config.h"
#include "core/base/arena.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "core/entry/password.h"

#define SIZE_LIMIT ((uint64_t)1 << 50)

/* A piece of the text: not NUL-terminated. */
struct word {
    const char *start;
    uint32_t len;
};

struct parser {
    struct config *config;
    struct arena *arena;
    struct fail *fail;
    config_tell *tell; /* NULL: nobody asks */
    void *tell_ctx;
    unsigned line;
    struct config_entry *entry; /* the section being read; NULL before the first one */
    unsigned entry_line;        /* where it began */
    bool in_sections;           /* past the first [section], be it a good one or not */
    struct word default_name;   /* of `default = `: sections may come later */
    unsigned default_line;
    bool password_lost; /* a section that was left out had one: whose is it? */
    bool first_lost;    /* what stands first is not the section that was to */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct word trim(struct word w)
{
    while (w.len && is_blank(w.start[0])) {
        w.start++;
        w.len--;
    }
    while (w.len && is_blank(w.start[w.len - 1]))
        w.len--;
    return w;
}

static bool word_is(struct word w, const char *text)
{
    return text_same_caseless(w.start, w.len, text);
}

static void complain(struct parser *p, unsigned line, const char *sentence, struct word word)
{
    struct config *c = p->config;
    struct config_complaint x = {.line = line, .sentence = sentence};
    uint32_t len = word.len < sizeof x.word ? word.len : (uint32_t)sizeof x.word - 1;
    while (len && len < word.len && ((uint8_t)word.start[len] & 0xc0) == 0x80)
        len--; /* cut before a UTF-8 character, not in it */
    memcpy(x.word, word.start, len);
    if (c->complaint_count < CONFIG_COMPLAINTS_MAX)
        c->complaint[c->complaint_count] = x;
    c->complaint_count++;
    if (p->tell)
        p->tell(p->tell_ctx, &x);
}

static enum err keep(struct parser *p, const char **to, struct word w)
{
    char *copy = arena_alloc(p->arena, (uint64_t)w.len + 1);
    if (!copy)
        return fail(p->fail, ERR_MEMORY, "no memory for line %u of the config", p->line);
    memcpy(copy, w.start, w.len);
    *to = copy;
    return ERR_OK;
}

/* An entry is worth keeping only with something to start: else it is named and taken back. */
static void end_section(struct parser *p)
{
    struct config_entry *e = p->entry;
    if (!e)
        return;
    p->entry = NULL;
    struct word name = {e->name, (uint32_t)text_length(e->name)};
    if (e->vhd && e->start.kind != START_IMAGE) {
        complain(p, p->entry_line, "an entry has vhd or boot, not both; boot is left out", name);
        e->start = (struct start){.kind = START_IMAGE};
    }
    if (e->native && !e->vhd) {
        complain(p, p->entry_line, "via takes an image, which vhd = names; via is left out", name);
        e->native = false;
    }
    if (!e->vhd && e->start.kind == START_IMAGE) {
        complain(p, p->entry_line, "this entry has neither a vhd = nor a boot = line", name);
        p->config->count--;
        p->first_lost |= !p->config->count;
        memset(e, 0, sizeof *e);
        return;
    }
    if (!e->title)
        e->title = e->name;
    if (!e->vhd)
        e->vhd = "";
}

static enum err begin_section(struct parser *p, struct word line)
{
    end_section(p);
    p->in_sections = true;
    if (line.start[line.len - 1] != ']') {
        p->first_lost |= !p->config->count;
        complain(p, p->line, "a section's name has no closing bracket", line);
        return ERR_OK;
    }
    struct word name = trim((struct word){line.start + 1, line.len - 2});
    if (!name.len) {
        p->first_lost |= !p->config->count;
        complain(p, p->line, "a section has no name", line);
        return ERR_OK;
    }
    for (unsigned i = 0; i < p->config->count; i++) {
        if (word_is(name, p->config->entry[i].name)) {
            complain(p, p->line, "a section of this name is there already", name);
            return ERR_OK;
        }
    }
    if (p->config->count == CONFIG_ENTRIES_MAX) {
        complain(p, p->line, "there are more than 32 sections; this one is left out", name);
        return ERR_OK;
    }
    p->entry = &p->config->entry[p->config->count++];
    p->entry_line = p->line;
    return keep(p, &p->entry->name, name);
}

/* A decimal number; `limit` is below 2^59, so that ten times that and a digit do not wrap. */
static bool number(struct word w, uint64_t limit, uint64_t *value)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < w.len; i++) {
        if (w.start[i] < '0' || w.start[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(w.start[i] - '0');
        if (v > limit)
            return false;
    }
    *value = v;
    return w.len != 0;
}

/* A size: bytes, or with K, M or G behind the number. */
static bool size(struct word w, uint64_t *value)
{
    static const char units[] = "KMG";
    unsigned shift = 0;
    for (unsigned i = 0; w.len && units[i]; i++) {
        if ((w.start[w.len - 1] & ~0x20) == units[i])
            shift = 10 * (i + 1);
    }
    if (shift)
        w.len--;
    if (!number(w, SIZE_LIMIT >> shift, value))
        return false;
    *value <<= shift;
    return true;
}

static bool yes_or_no(struct parser *p, struct word value, bool careful, const char *sentence)
{
    bool yes = word_is(value, "yes");
    if (yes || word_is(value, "no"))
        return yes;
    complain(p, p->line, sentence, value);
    return careful;
}

/* Whatever stands there, there is a password from now on: of a bad one the sentence says why, and
 * its text, which may be a secret, is not shown. */
static enum err set_password(struct parser *p, const struct password **to, struct word value)
{
    struct password *password = arena_alloc(p->arena, sizeof *password);
    if (!password)
        return fail(p->fail, ERR_MEMORY, "no memory for line %u of the config", p->line);
    const char *sentence = password_parse(password, value.start, value.len);
    if (*to) { /* which one counts? */
        *password = (struct password){0};
        sentence = "there are two passwords";
    }
    *to = password;
    if (sentence)
        complain(p, p->line, sentence, (struct word){"what it protects stays locked", 29});
    return ERR_OK;
}

/* COM1 to COM4, and the speed where it is not 115200 baud. */
static bool serial(struct word value, unsigned *port, uint32_t *baud)
{
    static const uint32_t speeds[] = {115200, 57600, 38400, 19200, 9600, 4800, 2400, 1200};
    uint64_t speed = speeds[0];
    if (value.len < 4 || !word_is((struct word){value.start, 3}, "COM") || value.start[3] < '1' ||
        value.start[3] > '4')
        return false;
    struct word rest = trim((struct word){value.start + 4, value.len - 4});
    if (rest.len && (!is_blank(value.start[4]) || !number(rest, speeds[0], &speed)))
        return false;
    for (unsigned i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        if (speed == speeds[i]) {
            *port = (unsigned)(value.start[3] - '0');
            *baud = speeds[i];
            return true;
        }
    }
    return false;
}

static enum err set_global(struct parser *p, struct word key, struct word value)
{
    if (word_is(key, "timeout")) {
        uint64_t seconds;
        if (word_is(value, "none"))
            p->config->timeout_seconds = CONFIG_TIMEOUT_NONE;
        else if (number(value, 86400, &seconds))
            p->config->timeout_seconds = (uint32_t)seconds;
        else
            complain(p, p->line, "timeout takes 0 to 86400 seconds, or none", value);
    } else if (word_is(key, "default")) {
        p->default_name = value;
        p->default_line = p->line;
        p->config->default_given = true;
    } else if (word_is(key, "windows")) {
        p->config->no_windows = !yes_or_no(p, value, true, "windows takes yes or no; yes is used");
    } else if (word_is(key, "password")) {
        return set_password(p, &p->config->password, value);
    } else if (word_is(key, "console")) {
        if (word_is(value, "screen"))
            p->config->console = CONSOLE_SCREEN;
        else if (word_is(value, "serial"))
            p->config->console = CONSOLE_SERIAL;
        else if (word_is(value, "both"))
            p->config->console = CONSOLE_BOTH;
        else
            complain(p, p->line, "console takes screen, serial or both", value);
    } else if (word_is(key, "serial")) {
        if (!serial(value, &p->config->serial_port, &p->config->serial_baud))
            complain(p, p->line, "serial takes COM1 to COM4, and 1200 to 115200 baud", value);
    } else {
        complain(p, p->line, "unknown key before the first section", key);
    }
    return ERR_OK;
}

/* The path is kept in the arena, as all strings are. */
static enum err set_start(struct parser *p, struct word value)
{
    struct start *start = &p->entry->start;
    *start = start_of(value.start, value.len);
    if (start->kind == START_FILE)
        return keep(p, &start->path, value);
    start->path = NULL;
    if (start->kind == START_IMAGE)
        complain(p, p->line, "boot takes next, disk N, partition N, or a loader's path", value);
    return ERR_OK;
}

static enum err set_entry(struct parser *p, struct word key, struct word value)
{
    struct config_entry *e = p->entry;
    if (word_is(key, "title"))
        return keep(p, &e->title, value);
    if (word_is(key, "vhd"))
        return keep(p, &e->vhd, value);
    if (word_is(key, "boot"))
        return set_start(p, value);
    if (word_is(key, "password"))
        return set_password(p, &e->password, value);

    if (word_is(key, "parent")) {
        if (e->parent_count < CONFIG_PARENTS_MAX)
            return keep(p, &e->parent[e->parent_count++], value);
        complain(p, p->line, "an entry takes 8 parents; this one is left out", value);
    } else if (word_is(key, "write")) {
        if (word_is(value, "persistent"))
            e->write = WRITE_PERSISTENT;
        else if (word_is(value, "discard"))
            e->write = WRITE_DISCARD;
        else if (word_is(value, "none"))
            e->write = WRITE_NONE;
        else { /* the careful reading of a word that is not understood */
            complain(p, p->line, "write takes persistent, discard or none; none is used", value);
            e->write = WRITE_NONE;
        }
    } else if (word_is(key, "discard_max")) {
        if (!size(value, &e->discard_max))
            complain(p, p->line, "discard_max takes bytes, or a number with K, M or G", value);
    } else if (word_is(key, "ram")) {
        e->ram = yes_or_no(p, value, false, "ram takes yes or no; no is used");
    } else if (word_is(key, "force")) {
        e->force = yes_or_no(p, value, false, "force takes yes or no; no is used");
    } else if (word_is(key, "hide")) {
        e->hide = yes_or_no(p, value, true, "hide takes yes or no; yes is used");
    } else if (word_is(key, "via")) {
        e->native = word_is(value, "bootmgr");
        if (!e->native)
            complain(p, p->line, "via takes bootmgr; the image is started by vhdboot", value);
    } else if (word_is(key, "quiet")) {
        e->quiet = yes_or_no(p, value, false, "quiet takes yes or no; no is used");
    } else if (word_is(key, "hidden")) {
        e->hidden = yes_or_no(p, value, true, "hidden takes yes or no; yes is used");
    } else {
        complain(p, p->line, "unknown key", key);
    }
    return ERR_OK;
}

static enum err read_line(struct parser *p, struct word line)
{
    for (uint32_t i = 0; i < line.len; i++) {
        /* A # inside a word belongs to a name: "\vhd\c#.vhd". */
        if (line.start[i] == '#' && (!i || is_blank(line.start[i - 1])))
            line.len = i;
    }
    line = trim(line);
    if (!line.len)
        return ERR_OK;
    if (line.start[0] == '[')
        return begin_section(p, line);

    uint32_t equals = 0;
    while (equals < line.len && line.start[equals] != '=')
        equals++;
    if (equals == line.len) {
        /* No line that was to be a password leaves a door open. */
        if (line.len < 8 || !word_is((struct word){line.start, 8}, "password")) {
            complain(p, p->line, "neither key = value nor a [section]", line);
            return ERR_OK;
        }
        line.len = equals = 8;
    }
    struct word key = trim((struct word){line.start, equals});
    struct word value =
        trim((struct word){line.start + equals + 1, line.len > equals ? line.len - equals - 1 : 0});
    bool password = word_is(key, "password");
    p->config->secret |= password;
    if (!value.len && !password) {
        complain(p, p->line, "this key has no value", key);
        return ERR_OK;
    }
    if (p->entry)
        return set_entry(p, key, value);
    /* Lines of a section that was left out must not become settings of the whole file. */
    p->password_lost |= p->in_sections && password;
    if (p->in_sections)
        return ERR_OK;
    return set_global(p, key, value);
}

/* Which entry starts without being asked for? Where that is not the one that was meant, the whole
 * file's password is asked for it too. */
static void pick_default(struct parser *p)
{
    struct config_entry *first = &p->config->entry[0];
    for (unsigned i = 0; p->default_name.len && i < p->config->count; i++) {
        if (word_is(p->default_name, p->config->entry[i].name)) {
            p->config->default_entry = i;
            return;
        }
    }
    if ((p->default_name.len || p->first_lost) && !first->password)
        first->password = p->config->password;
    if (p->default_name.len)
        complain(p, p->default_line, "default names no section; the first one is used",
                 p->default_name);
}

/* With its mark, or without: the first character of a config is one of ASCII. */
static bool is_utf16(const uint8_t *text, uint32_t size)
{
    return size >= 2 &&
           (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2) || !text[0] || !text[1]);
}

/* Takes a line off the text: it ends with LF, CR LF, or CR alone. */
static struct word next_line(struct word *rest)
{
    struct word line = {rest->start, 0};
    while (line.len < rest->len && line.start[line.len] != '\n' && line.start[line.len] != '\r')
        line.len++;
    uint32_t used = line.len;
    if (used < rest->len && line.start[used] == '\r')
        used++;
    if (used < rest->len && line.start[used] == '\n')
        used++;
    *rest = (struct word){rest->start + used, rest->len - used};
    return line;
}

enum err config_parse(struct config *config, const uint8_t *text, uint32_t size, struct arena *a,
                      struct fail *f)
{
    return config_parse_telling(config, text, size, a, NULL, NULL, f);
}

enum err config_parse_telling(struct config *config, const uint8_t *text, uint32_t size,
                              struct arena *a, config_tell *tell, void *ctx, struct fail *f)
{
    *config = (struct config){
        .timeout_seconds = CONFIG_TIMEOUT_UNSET, .serial_port = 1, .serial_baud = 115200};
    struct parser p = {.config = config, .arena = a, .fail = f, .tell = tell, .tell_ctx = ctx};
    struct word rest = {(const char *)text, size};
    if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
        rest = (struct word){rest.start + 3, size - 3};
    if (is_utf16(text, size)) /* no line of it would be understood, and none may be guessed */
        return fail(f, ERR_CONFIG, "the text is UTF-16: save it as UTF-8", 0);

    while (rest.len) { /* ends: every round takes at least one byte off rest */
        struct word line = next_line(&rest);
        p.line++;
        enum err err = read_line(&p, line);
        if (err)
            return err;
    }
    end_section(&p);
    config->sections = config->count;
    pick_default(&p);
    static const struct password closed;
    for (unsigned i = 0; p.password_lost && i < config->count; i++) {
        if (!config->entry[i].password)
            config->entry[i].password = config->password ? config->password : &closed;
    }
    return ERR_OK;
}

const struct password *config_password(const struct config *config, unsigned entry, bool plain)
{
    const struct password *own = config->entry[entry].password;
    if (own)
        return own;
    return plain && entry == config->default_entry ? NULL : config->password;
}
