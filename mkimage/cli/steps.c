/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of what was found. Without memory for one more line nothing can be promised any longer:
 * the program ends then, which harms nothing while it only reads. */
#include "cli/steps.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/json.h"
#include "cli/say.h"

struct warning {
    struct warning *next;
    char *text;
};

struct step {
    struct step *next;
    const char *name;
    bool ok;
    char *text;
    struct warning *first, *last;
};

static void *kept(void *memory)
{
    if (!memory)
        exit(say_no_memory());
    return memory;
}

static char *compose(const char *format, va_list arguments)
{
    char *text;
    return kept(vasprintf(&text, format, arguments) < 0 ? NULL : text);
}

/* Takes over `text`. */
static void add(struct steps *s, const char *name, bool ok, char *text)
{
    struct step *step = kept(calloc(1, sizeof *step));
    *step = (struct step){.name = name, .ok = ok, .text = text};
    if (s->last)
        s->last->next = step;
    else
        s->first = step;
    s->last = step;
}

void steps_passed(struct steps *s, const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(s, name, true, compose(format, arguments));
    va_end(arguments);
}

void steps_failed(struct steps *s, const char *name, const char *advice, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(s, name, false, compose(format, arguments));
    va_end(arguments);
    if (s->error)
        return;
    s->error = kept(strdup(s->last->text));
    s->advice = advice;
}

void steps_failed_as(struct steps *s, const char *name, const struct fail *f)
{
    char sentence[512];
    errors_format(f, sentence, sizeof sentence);
    steps_failed(s, name, say_advice(f), "%s", sentence);
}

void steps_warn(struct steps *s, const char *format, ...)
{
    struct warning *warning = kept(calloc(1, sizeof *warning));
    va_list arguments;
    va_start(arguments, format);
    warning->text = compose(format, arguments);
    va_end(arguments);
    struct step *step = s->last;
    if (step->last)
        step->last->next = warning;
    else
        step->first = warning;
    step->last = warning;
}

static bool is_among(const struct notes *notes, const struct notes *told, unsigned index)
{
    for (unsigned i = 0; told && !notes->note[index].subject && i < told->count; i++) {
        if (told->note[i].sentence == notes->note[index].sentence)
            return true;
    }
    return false;
}

void steps_warn_notes(struct steps *s, const struct notes *notes, const struct notes *told)
{
    for (unsigned i = 0; i < notes->count; i++) {
        char text[512];
        notes_format(notes, i, text, sizeof text);
        if (!is_among(notes, told, i))
            steps_warn(s, "%s", text);
    }
}

void steps_append(struct steps *s, struct steps *from)
{
    if (!from->first)
        return;
    if (s->last)
        s->last->next = from->first;
    else
        s->first = from->first;
    s->last = from->last;
    from->first = from->last = NULL;
}

void steps_print(const struct steps *s)
{
    for (const struct step *step = s->first; step; step = step->next) {
        say_out("%-4s %-7s %s", step->ok ? "ok" : "FAIL", step->name, step->text);
        for (const struct warning *w = step->first; w; w = w->next)
            say_out("%-4s %-7s %s", "warn", step->name, w->text);
    }
}

/* The step's text with its warnings; the caller frees it. */
static char *whole_text(const struct step *step)
{
    char *text = kept(strdup(step->text));
    for (const struct warning *w = step->first; w; w = w->next) {
        char *longer;
        kept(asprintf(&longer, "%s; %s", text, w->text) < 0 ? NULL : longer);
        free(text);
        text = longer;
    }
    return text;
}

void steps_json(const struct steps *s)
{
    json_array("steps");
    for (const struct step *step = s->first; step; step = step->next) {
        char *text = whole_text(step);
        json_object(NULL);
        json_string("name", step->name);
        json_bool("ok", step->ok);
        json_string("text", text);
        json_array("warnings");
        for (const struct warning *w = step->first; w; w = w->next)
            json_string(NULL, w->text);
        json_end();
        json_end();
        free(text);
    }
    json_end();
}

void steps_free(struct steps *s)
{
    while (s->first) {
        struct step *step = s->first;
        s->first = step->next;
        while (step->first) {
            struct warning *w = step->first;
            step->first = w->next;
            free(w->text);
            free(w);
        }
        free(step->text);
        free(step);
    }
    free(s->error);
    *s = (struct steps){0};
}
