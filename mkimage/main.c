/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mkimage: makes, installs, checks and reads what vhdboot boots. This file only finds the verb. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include "cli/json.h"
#include "cli/options.h"
#include "cli/say.h"
#include "verbs/verbs.h"

#define READ  OPTION_PARTITION
#define ENTRY (OPTION_PARTITION | OPTION_ENTRY | OPTION_DRIVE)
#define RANGE (OPTION_LBA | OPTION_COUNT)

static const struct verb verbs[] = {
    {.name = "flash",
     .arguments = "OUTPUT --vhd FILE[,FILE...]",
     .arguments_needed = 1,
     .options = OPTION_VHD | OPTION_SIZE | OPTION_LABEL | OPTION_CONFIG | OPTION_RESERVE |
                OPTION_DRY_RUN | OPTION_YES,
     .run = verb_flash,
     .summary = "Makes a bootable flash: MBR, one active NTFS partition at 1 MiB, boot code,\n"
                "vhdboot.bin, a config, the images. OUTPUT is a new file (sparse) or a block\n"
                "device (needs --yes). An image that the config names goes where it says, another\n"
                "one beside the one before it, else into the root folder."},
    {.name = "install",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = OPTION_PARTITION | OPTION_NO_MBR | OPTION_DRY_RUN | OPTION_BACKUP | OPTION_YES,
     .run = verb_install,
     .summary = "Puts boot code into a disk or image that has an NTFS partition, and vhdboot.bin\n"
                "into its root folder. Partition table, disk signature, BPB and every other byte\n"
                "stay. A block device needs --yes."},
    {.name = "restore",
     .arguments = "TARGET BACKUP",
     .arguments_needed = 2,
     .options = OPTION_DRY_RUN | OPTION_YES,
     .run = verb_restore,
     .summary = "Brings back what install --backup saved. A block device needs --yes."},
    {.name = "reserve",
     .arguments = "TARGET|IMAGE",
     .arguments_needed = 1,
     .options = OPTION_PARTITION | OPTION_ENTRY | OPTION_FILE | OPTION_NEW_SIZE | OPTION_DRY_RUN |
                OPTION_YES,
     .run = verb_reserve,
     .summary = "Gives a dynamic or differencing VHD room for so much new data, besides what it\n"
                "has: zeros inside the file, which the loader makes blocks of. The image is a\n"
                "file of the host, TARGET:/path, or an entry of TARGET's menu."},
    {.name = "snapshot",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = ENTRY | OPTION_NAME | OPTION_NEW_SIZE | OPTION_DRY_RUN | OPTION_YES,
     .run = verb_snapshot,
     .summary = "Makes the entry's image the parent of a new differencing VHD, which the entry\n"
                "starts from then on: all that is written goes there. It gets room for --size of\n"
                "new data; default: all that the disk may need, but half of the volume's free\n"
                "space and 4 GiB at the most."},
    {.name = "rollback",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = ENTRY | OPTION_NEW_SIZE | OPTION_DROP | OPTION_DRY_RUN | OPTION_YES,
     .run = verb_rollback,
     .summary = "Throws away what was written since the snapshot: the entry's image, a\n"
                "differencing VHD, becomes an empty one with as much room as it had."},
    {.name = "merge",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = ENTRY | OPTION_DRY_RUN | OPTION_YES,
     .run = verb_merge,
     .summary = "Writes what the entry's image, a differencing VHD, holds into its parent, lets\n"
                "the entry start that one, and removes the child."},
    {.name = "check",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = ENTRY | OPTION_ALL | OPTION_JSON,
     .run = verb_check,
     .summary =
         "Would it boot? Walks the same path as the machine, with the same code. With --all\n"
         "every entry of the menu has to."},
    {.name = "map",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = ENTRY | OPTION_JSON,
     .run = verb_map,
     .summary = "Prints the compiled block map, a line a run."},
    {.name = "read",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = ENTRY | RANGE,
     .run = verb_read,
     .summary = "Writes sectors of the virtual disk to standard output, through the block map."},
    {.name = "ls",
     .arguments = "TARGET:/dir",
     .arguments_needed = 1,
     .options = READ,
     .run = verb_ls,
     .summary = "Lists a folder of TARGET's NTFS volume, as the loader reads it."},
    {.name = "cat",
     .arguments = "TARGET:/path",
     .arguments_needed = 1,
     .options = READ,
     .run = verb_cat,
     .summary = "Writes a file of TARGET's NTFS volume to standard output."},
    {.name = "extents",
     .arguments = "TARGET:/path",
     .arguments_needed = 1,
     .options = READ | OPTION_JSON,
     .run = verb_extents,
     .summary = "Says where a file of TARGET's NTFS volume lies on the drive, in sectors."},
    {.name = "vhd info",
     .arguments = "FILE",
     .arguments_needed = 1,
     .options = READ | OPTION_JSON,
     .run = verb_vhd_info,
     .summary = "Kind, sizes and parents of an image, and what is odd about it. FILE is a file of\n"
                "the host, or TARGET:/path."},
    {.name = "vhd read",
     .arguments = "FILE",
     .arguments_needed = 1,
     .options = READ | RANGE,
     .run = verb_vhd_read,
     .summary = "Writes the virtual disk's sectors to standard output, parents included."},
    {.name = "vhd check",
     .arguments = "FILE",
     .arguments_needed = 1,
     .options = READ,
     .run = verb_vhd_check,
     .summary = "Checks the structure: exit status 0 clean, 1 damaged or refused."},
    {.name = "vhd create",
     .arguments = "FILE --size SIZE",
     .arguments_needed = 1,
     .options = OPTION_DISK_SIZE | OPTION_FORMAT | OPTION_KIND | OPTION_PARENT | OPTION_BLOCK_SIZE,
     .run = verb_vhd_create,
     .summary = "Makes an image that holds nothing yet; with --parent a child, of the parent's\n"
                "format and size."},
    {.name = "vhd convert",
     .arguments = "SOURCE FILE",
     .arguments_needed = 2,
     .options = READ | OPTION_FORMAT | OPTION_KIND | OPTION_BLOCK_SIZE | OPTION_REPLACE,
     .run = verb_vhd_convert,
     .summary =
         "Makes an image of what SOURCE holds, parents included. SOURCE is a VHD or VHDX of\n"
         "the host, TARGET:/path, or a raw disk image. Holes stay holes, the disk's size\n"
         "stays exactly."},
    {.name = "vhd compare",
     .arguments = "A B",
     .arguments_needed = 2,
     .options = 0,
     .run = verb_vhd_compare,
     .summary = "Do two images hold the same? Exit status 0 yes, 1 no: the first difference."},
    {.name = "vhd resize",
     .arguments = "FILE --size SIZE",
     .arguments_needed = 1,
     .options = OPTION_DISK_SIZE,
     .run = verb_vhd_resize,
     .summary = "Makes the disk of an image longer or shorter; not shorter than its partitions."},
    {.name = "vhd compact",
     .arguments = "FILE",
     .arguments_needed = 1,
     .options = 0,
     .run = verb_vhd_compact,
     .summary = "Gives back what an image stores of zeros, and all gaps and slack in its file."},
    {.name = "vhd rebase",
     .arguments = "FILE --parent FILE",
     .arguments_needed = 1,
     .options = OPTION_PARENT,
     .run = verb_vhd_rebase,
     .summary =
         "Gives a child a parent that lies elsewhere, or another one with the same content."},
    {.name = "vhd merge",
     .arguments = "FILE",
     .arguments_needed = 1,
     .options = 0,
     .run = verb_vhd_merge,
     .summary = "Writes what a child holds into its parent, and removes the child."},
};
#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static void help(void)
{
    fputs("usage: mkimage VERB ...\n\n", stdout);
    for (unsigned i = 0; i < VERB_COUNT; i++)
        printf("  mkimage %s %s\n", verbs[i].name, verbs[i].arguments);
    fputs(
        "\nmkimage VERB --help says more. TARGET is a disk image file or a block device; SIZE is\n"
        "in bytes, or with K, M, G, T; 64GB is in powers of 1000. Exit status: 0 done or yes, 1\n"
        "failed or no, 2 usage.\n",
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

/* A verb that was asked for JSON gives some whatever happens. */
static void print_failure(void)
{
    const char *advice, *error = say_last_error(&advice);
    json_object(NULL);
    json_string("error", error);
    json_string("advice", advice);
    json_end();
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
    if (status == STATUS_FAILED && options.json && !json_written())
        print_failure();
    if ((fflush(stdout) || ferror(stdout)) && !status)
        status = say_error("Check where it goes.", "standard output: %s", strerror(errno));
    return status;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "C.UTF-8"); /* names of files are UTF-8, here as on the volume */
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
