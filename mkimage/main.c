/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage: makes, installs, checks and reads what vhdboot boots. This file only finds the verb that
 * is asked for, in the table of verbs/table.c, and runs it.
 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "cli/help.h"
#include "cli/json.h"
#include "cli/nearest.h"
#include "cli/options.h"
#include "cli/program.h"
#include "cli/say.h"
#include "host/fd.h"
#include "verbs/verbs.h"

/* How many of the arguments the verb's name takes up; 0 if it is not this verb. */
static int words(const struct verb *verb, int argc, char **argv)
{
    const char *space = strchr(verb->name, ' ');
    size_t first = space ? (size_t)(space - verb->name) : strlen(verb->name);
    if (strncmp(argv[0], verb->name, first) || argv[0][first])
        return 0;
    if (!space)
        return 1;
    return argc > 1 && !strcmp(argv[1], space + 1) ? 2 : 0;
}

/* The verb that the arguments begin with, and how many they are that name it; NULL if none does. */
static const struct verb *find(int argc, char **argv, int *taken)
{
    for (unsigned i = 0; i < verbs_all.count; i++) {
        *taken = words(&verbs_all.verb[i], argc, argv);
        if (*taken)
            return &verbs_all.verb[i];
    }
    return NULL;
}

/* Is it the first word of a verb with two? */
static bool is_family(const char *word)
{
    size_t n = strlen(word);
    for (unsigned i = 0; i < verbs_all.count; i++) {
        if (!strncmp(verbs_all.verb[i].name, word, n) && verbs_all.verb[i].name[n] == ' ')
            return true;
    }
    return false;
}

static bool is_help(const char *word)
{
    return !strcmp(word, "--help") || !strcmp(word, "-h");
}

/* The arguments name no verb: which one may be meant? */
static enum status no_such_verb(int argc, char **argv)
{
    bool two = is_family(argv[0]);
    if (two && argc == 1)
        return say_usage("%s needs a verb", argv[0]);
    char word[64];
    snprintf(word, sizeof word, "%s%s%s", argv[0], two ? " " : "", two ? argv[1] : "");
    struct nearest nearest = {.word = word};
    for (unsigned i = 0; i < verbs_all.count; i++)
        nearest_try(&nearest, verbs_all.verb[i].name);
    if (!two)
        nearest_try(&nearest, "help");
    if (nearest.name)
        return say_usage("there is no verb %s: the nearest is %s", word, nearest.name);
    return say_usage("there is no verb %s", word);
}

/* What stands behind `help`: nothing, a verb, or the first word of one. */
static enum status help(int argc, char **argv)
{
    int taken;
    const struct verb *verb;
    if (!argc || is_help(argv[0])) {
        help_all(&verbs_all);
    } else if (!strcmp(argv[0], "--table")) {
        help_table(&verbs_all);
    } else if ((verb = find(argc, argv, &taken))) {
        help_verb(verb);
    } else if (argc == 1 && is_family(argv[0])) {
        help_family(&verbs_all, argv[0]);
    } else {
        return no_such_verb(argc, argv);
    }
    return STATUS_OK;
}

/* A verb that was asked for JSON gives some whatever happens. */
static void print_failure(void)
{
    const char *advice, *error = say_last_error(&advice);
    json_object(NULL);
    json_string("error", error);
    json_string("advice", advice);
    json_end();
}

/* argv[0] is the last word of the verb. */
static enum status run(const struct verb *verb, int argc, char **argv)
{
    struct options options;
    bool wants_help;
    enum status status = options_parse(&options, verb, argc, argv, &wants_help);
    if (!status && wants_help)
        help_verb(verb);
    else if (!status)
        status = verb->run(&options);
    if (status == STATUS_FAILED && options.json && !json_written())
        print_failure();
    return status;
}

/* What was asked for, behind the program's name. */
static enum status dispatch(int argc, char **argv)
{
    int taken;
    if (!argc)
        return say_usage("a verb is missing");
    if (!strcmp(argv[0], "help"))
        return help(argc - 1, argv + 1);
    if (is_help(argv[0]))
        return help(0, NULL);
    if (!strcmp(argv[0], "--version")) {
        printf("%s " VERSION "\n", program_name());
        return STATUS_OK;
    }
    const struct verb *verb = find(argc, argv, &taken);
    if (verb)
        return run(verb, argc - taken + 1, argv + taken - 1);
    if (is_family(argv[0]) && argc > 1 && is_help(argv[1]))
        return help(1, argv);
    return no_such_verb(argc, argv);
}

int main(int argc, char **argv)
{
    fd_hold_streams();
    signal(SIGXFSZ, SIG_IGN);       /* a file that may not become so long is said to be it */
    setlocale(LC_CTYPE, "C.UTF-8"); /* names of files are UTF-8, here as on the volume */
    program_set_name(argv[0]);
    enum status status = dispatch(argc - 1, argv + 1);
    if ((fflush(stdout) || ferror(stdout)) && !status)
        status = say_error("Check where it goes.", "standard output: %s", strerror(errno));
    return status;
}
