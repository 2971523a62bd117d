/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every line that mkimage writes but the progress line, and but a verb's JSON and data, goes
 * through here: the progress line is taken away first, and nothing that a name holds reaches the
 * terminal raw. A failure is one line of the same form everywhere.
 */
#include "cli/say.h"
#include <stdarg.h>
#include <stdlib.h>
#include "cli/printable.h"
#include "cli/program.h"
#include "cli/progress.h"

static char *last_error; /* the sentence, without its full stop */
static const char *last_advice;

/* The text of a line; NULL where there is no memory for it. */
static char *compose(const char *format, va_list arguments)
{
    char *text;
    return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

/* Begins a line with the name of who says it. */
static void signature(FILE *to)
{
    progress_clear();
    print_safely(to, program_name());
    fputs(": ", to);
}

/* One line, made of three. */
static void line(FILE *to, const char *before, const char *text, const char *after)
{
    progress_clear();
    fputs(before, to);
    program_print(to, text ? text : "out of memory");
    program_print(to, after);
    fputc('\n', to);
}

void say_out(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = compose(format, arguments);
    va_end(arguments);
    line(stdout, "", text, "");
    free(text);
}

void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = compose(format, arguments);
    va_end(arguments);
    line(stderr, "", text, "");
    free(text);
}

void say_warning(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = compose(format, arguments);
    va_end(arguments);
    signature(stderr);
    line(stderr, "warning: ", text, "");
    free(text);
}

const char say_absent[] = "no such file";
const char say_no_file[] = "is no file";
const char say_forbidden[] = "this user may not read it";
const char say_no_entry[] = "there is no such entry";

static const char *own_advice(const char *sentence)
{
    return sentence == say_absent || sentence == say_no_file ? "Check the name."
           : sentence == say_forbidden                       ? "Run this as a user who may open it."
           : sentence == say_no_entry ? "mkimage list tells the entries that there are."
                                      : NULL;
}

const char *say_advice(const struct fail *f)
{
    const char *own = own_advice(f->sentence);
    return own ? own : errors_advice(f->err);
}

enum status say_fail_advice(const struct fail *f, const char *advice)
{
    char sentence[512];
    errors_format(f, sentence, sizeof sentence);
    bool given = advice && !own_advice(f->sentence);
    return say_error(given ? advice : say_advice(f), "%s", sentence);
}

enum status say_fail(const struct fail *f)
{
    return say_fail_advice(f, NULL);
}

enum status say_error(const char *advice, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = compose(format, arguments);
    va_end(arguments);
    char *sentence;
    if (asprintf(&sentence, ". %s", advice) < 0)
        sentence = NULL;
    signature(stderr);
    line(stderr, "", text, sentence ? sentence : ".");
    free(sentence);
    free(last_error);
    last_error = text;
    last_advice = advice;
    return STATUS_FAILED;
}

const char *say_last_error(const char **advice)
{
    *advice = last_advice;
    return last_error;
}

enum status say_no_memory(void)
{
    return say_error("Free some memory.", "out of memory");
}

enum status say_usage(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = compose(format, arguments);
    va_end(arguments);
    signature(stderr);
    line(stderr, "", text, ". See mkimage --help.");
    free(text);
    return STATUS_USAGE;
}
