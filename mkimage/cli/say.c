/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything on standard error but the progress line goes through here, which is taken away
 * first. A failure is one line of the same form everywhere.
 */
#include "cli/say.h"
#include <stdarg.h>
#include "cli/progress.h"

void say(const char *format, ...)
{
    progress_clear();
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

void say_warning(const char *format, ...)
{
    progress_clear();
    fputs("mkimage: warning: ", stderr);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

enum status say_fail_advice(const struct fail *f, const char *advice)
{
    char sentence[512];
    errors_format(f, sentence, sizeof sentence);
    return say_error(advice ? advice : errors_advice(f->err), "%s", sentence);
}

enum status say_fail(const struct fail *f)
{
    return say_fail_advice(f, NULL);
}

enum status say_error(const char *advice, const char *format, ...)
{
    progress_clear();
    fputs("mkimage: ", stderr);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, ". %s\n", advice);
    return STATUS_FAILED;
}

enum status say_no_memory(void)
{
    return say_error("Free some memory.", "out of memory");
}

enum status say_usage(const char *format, ...)
{
    fputs("mkimage: ", stderr);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs(". See mkimage --help.\n", stderr);
    return STATUS_USAGE;
}
