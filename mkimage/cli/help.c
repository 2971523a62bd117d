/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints; decides nothing. What it prints stands in the two tables, once. */
#include "cli/help.h"
#include <stdio.h>
#include <string.h>
#include "cli/program.h"

#define WIDTH     79u
#define NAME_SIZE 18u /* columns that a verb's name has in the list */
#define LEFT_SIZE 24u /* and an option, in a verb's help */

static const char *const titles[GROUP_COUNT] = {
    [GROUP_MAKE] = "Make a stick", [GROUP_KEEP] = "Keep it",    [GROUP_LOOK] = "Look at it",
    [GROUP_IMAGES] = "Images",     [GROUP_WINDOWS] = "Windows",
};

/* What follows the list of verbs. */
static const char conventions[] =
    "TARGET is a disk image file or a block device. FILE is a file of the host, or\n"
    "TARGET:/path on TARGET's NTFS volume. SIZE is in bytes, or with K, M, G, T;\n"
    "64GB is in powers of 1000.\n"
    "Exit status: 0 done or yes, 1 failed or no, 2 usage.\n";

/* Words of a text, from the column `left` on, in lines of WIDTH. */
static void wrap(const char *text, unsigned left)
{
    unsigned column = left;
    for (const char *word = text; *word;) {
        size_t length = strcspn(word, " \n");
        if (column > left && column + 1 + length > WIDTH) {
            printf("\n%*s", (int)left, "");
            column = left;
        }
        char part[256];
        snprintf(part, sizeof part, "%s%.*s", column > left ? " " : "", (int)length, word);
        program_print(stdout, part);
        column += (unsigned)strlen(part);
        word += length;
        word += strspn(word, " \n");
    }
    putchar('\n');
}

static void list_verb(const struct verb *verb)
{
    printf("  %-*s", (int)NAME_SIZE - 2, verb->name);
    wrap(verb->brief, NAME_SIZE);
}

void help_all(const struct verbs *verbs)
{
    printf("usage: %s VERB ...\n", program_name());
    for (enum group group = 0; group < GROUP_COUNT; group++) {
        bool titled = false;
        for (unsigned i = 0; i < verbs->count; i++) {
            if (verbs->verb[i].group != group)
                continue;
            if (!titled)
                printf("\n%s:\n", titles[group]);
            titled = true;
            list_verb(&verbs->verb[i]);
        }
    }
    printf("\n%s help VERB says more.\n\n%s", program_name(), conventions);
}

void help_family(const struct verbs *verbs, const char *word)
{
    size_t length = strlen(word);
    printf("usage: %s %s VERB ...\n\n", program_name(), word);
    for (unsigned i = 0; i < verbs->count; i++) {
        if (!strncmp(verbs->verb[i].name, word, length) && verbs->verb[i].name[length] == ' ')
            list_verb(&verbs->verb[i]);
    }
    printf("\n%s help %s VERB says more.\n", program_name(), word);
}

/* One option's name with its value, and what it does. */
static void option_line(const char *name, const char *value, const char *text)
{
    char left[64];
    int used =
        snprintf(left, sizeof left, "  --%s%s%s", name, value ? " " : "", value ? value : "");
    printf("%-*s", (int)LEFT_SIZE, left);
    if (used >= (int)LEFT_SIZE)
        printf("\n%*s", (int)LEFT_SIZE, "");
    wrap(text, LEFT_SIZE);
}

void help_verb(const struct verb *verb)
{
    printf("usage: %s %s%s%s%s\n\n", program_name(), verb->name, *verb->arguments ? " " : "",
           verb->arguments, verb->options ? " [options]" : "");
    wrap(verb->summary, 0);
    putchar('\n');
    struct option_help option;
    for (unsigned i = 0; options_next(verb, &i, &option);)
        option_line(option.name, option.value, option.text);
    option_line("help", NULL, "this text");
}

/* One line's worth of a text of several. */
static void flat(const char *text)
{
    for (; *text; text++)
        putchar(*text == '\n' || *text == '\t' ? ' ' : *text);
}

static void table_verb(const struct verb *verb)
{
    printf("verb\t%s\t%s\t%s\nabout\t", verb->name, verb->arguments, verb->brief);
    flat(verb->summary);
    putchar('\n');
    struct option_help option;
    for (unsigned i = 0; options_next(verb, &i, &option);) {
        printf("option\t%s\t%s\t", option.name, option.value ? option.value : "");
        flat(option.text);
        putchar('\n');
    }
}

void help_table(const struct verbs *verbs)
{
    for (enum group group = 0; group < GROUP_COUNT; group++) {
        printf("group\t%s\n", titles[group]);
        for (unsigned i = 0; i < verbs->count; i++) {
            if (verbs->verb[i].group == group)
                table_verb(&verbs->verb[i]);
        }
    }
}
