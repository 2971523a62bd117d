/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mkimage: makes, installs, checks and reads what vhdboot boots. This file only finds the verb. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "verbs.h"

#define OPTIONS_READ (OPTION_PARTITION)

static const struct verb verbs[] = {
    {"flash", "OUTPUT --vhd FILE[,FILE...]",
     "Makes a bootable flash: MBR, one active NTFS partition at 1 MiB, boot code, vhdboot.bin, a\n"
     "config and the images. OUTPUT is a new file (sparse) or a block device (needs --yes).",
     1, OPTION_VHD | OPTION_SIZE | OPTION_LABEL | OPTION_CONFIG | OPTION_DRY_RUN | OPTION_YES,
     verb_flash},
    {"ls", "TARGET:/dir", "Lists a folder of TARGET's NTFS volume, as the loader reads it.", 1,
     OPTIONS_READ, verb_ls},
    {"cat", "TARGET:/path", "Writes a file of TARGET's NTFS volume to standard output.", 1,
     OPTIONS_READ, verb_cat},
    {"extents", "TARGET:/path", "Says where a file of TARGET's NTFS volume lies on the drive.", 1,
     OPTIONS_READ | OPTION_JSON, verb_extents},
};
#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static void help(void)
{
    fputs("usage: mkimage VERB ...\n\n", stdout);
    for (unsigned i = 0; i < VERB_COUNT; i++)
        printf("  mkimage %s %s\n", verbs[i].name, verbs[i].arguments);
    fputs(
        "\nmkimage VERB --help says more. TARGET is a disk image file or a block device; SIZE is\n"
        "in bytes, or with K, M, G, T. Exit status: 0 done or yes, 1 failed or no, 2 usage.\n",
        stdout);
}

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

/* Is it the first word of a verb with two? */
static bool is_group(const char *word)
{
    for (unsigned i = 0; i < VERB_COUNT; i++) {
        size_t n = strlen(word);
        if (!strncmp(verbs[i].name, word, n) && verbs[i].name[n] == ' ')
            return true;
    }
    return false;
}

static enum status run(const struct verb *verb, int argc, char **argv)
{
    struct options options;
    bool wants_help;
    enum status status = options_parse(&options, verb, argc, argv, &wants_help);
    if (!status && wants_help)
        options_help(verb);
    else if (!status)
        status = verb->run(&options);
    if ((fflush(stdout) || ferror(stdout)) && !status)
        status = say_error("Check where it goes.", "standard output: %s", strerror(errno));
    return status;
}

int main(int argc, char **argv)
{
    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        help();
        return STATUS_OK;
    }
    if (argc > 1 && !strcmp(argv[1], "--version")) {
        puts("mkimage " VERSION);
        return STATUS_OK;
    }
    if (argc < 2) {
        return say_usage("a verb is missing");
    }
    for (unsigned i = 0; i < VERB_COUNT; i++) {
        int taken = words(&verbs[i], argc - 1, argv + 1);
        if (taken)
            return run(&verbs[i], argc - 1 - taken, argv + 1 + taken);
    }
    if (is_group(argv[1])) {
        if (argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"))) {
            help();
            return STATUS_OK;
        }
        return argc > 2 ? say_usage("%s has no verb %s", argv[1], argv[2])
                        : say_usage("%s needs a verb", argv[1]);
    }
    return say_usage("there is no verb %s", argv[1]);
}
