/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: one struct for all verbs; each verb says which options it takes. */
#ifndef MKIMAGE_CLI_OPTIONS_H
#define MKIMAGE_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/say.h"

/* A bit each. */
enum option_bit {
    OPTION_VHD = 1ull << 0,
    OPTION_SIZE = 1ull << 1,
    OPTION_LABEL = 1ull << 2,
    OPTION_CONFIG = 1ull << 3,
    OPTION_DRY_RUN = 1ull << 4,
    OPTION_YES = 1ull << 5,
    OPTION_PARTITION = 1ull << 6,
    OPTION_NO_MBR = 1ull << 7,
    OPTION_BACKUP = 1ull << 8,
    OPTION_ENTRY = 1ull << 9,
    OPTION_JSON = 1ull << 10,
    OPTION_LBA = 1ull << 11,
    OPTION_COUNT = 1ull << 12,
    OPTION_DRIVE = 1ull << 13,
    OPTION_FILE = 1ull << 14,
    OPTION_NAME = 1ull << 15,
    OPTION_DROP = 1ull << 16,
    OPTION_NEW_SIZE = 1ull << 17, /* --size where it is not the flash's */
    OPTION_RESERVE = 1ull << 18,
    OPTION_ALL = 1ull << 19,
    OPTION_FORMAT = 1ull << 20,
    OPTION_KIND = 1ull << 21,
    OPTION_PARENT = 1ull << 22,
    OPTION_BLOCK_SIZE = 1ull << 23,
    OPTION_DISK_SIZE = 1ull << 24, /* --size of a virtual disk */
    OPTION_REPLACE = 1ull << 25,   /* --yes where it replaces a file */
    OPTION_READ_ONLY = 1ull << 26,
    OPTION_DISCARD = 1ull << 27,
    OPTION_DEVICE = 1ull << 28,
    OPTION_BOOT_PLACE = 1ull << 29,
    OPTION_FREE = 1ull << 30,
    OPTION_TITLE = 1ull << 31,
    OPTION_WRITE = 1ull << 32,
    OPTION_KEEP_IMAGE = 1ull << 33,
    OPTION_CHILDREN = 1ull << 34,
    OPTION_PLACE = 1ull << 35, /* --name of an image that is added */
    OPTION_VERIFY = 1ull << 36,
    OPTION_FORCE = 1ull << 37,
    OPTION_NO_SUMS = 1ull << 38,
    OPTION_INSIDE = 1ull << 39,
    OPTION_EXACT = 1ull << 40,
    OPTION_LOCATE = 1ull << 41,
    OPTION_SAN_POLICY = 1ull << 42,
    OPTION_PORTABLE = 1ull << 43,
    OPTION_UNDO = 1ull << 44,
    OPTION_ROOT = 1ull << 45,
    OPTION_PACKAGE = 1ull << 46,
    OPTION_CUT = 1ull << 47, /* --yes where it cuts data off */
};

#define ARGUMENTS_MAX 32
#define VHDS_MAX      32
#define DRIVES_MAX    7

struct options {
    const char *argument[ARGUMENTS_MAX];
    unsigned arguments;
    uint64_t given; /* bits of enum option_bit */
    const char *vhd[VHDS_MAX];
    unsigned vhds;
    const char *drive[DRIVES_MAX];
    unsigned drives;
    const char *label, *config, *backup, *entry, *file, *name, *format, *kind, *parent, *device;
    bool gap; /* --place gap */
    const char *title, *write, *children;
    uint64_t block_size;
    uint64_t size, lba, count;
    uint64_t reserve;   /* 0 with OPTION_RESERVE given: none */
    unsigned partition; /* 0: pick one */
    unsigned root;      /* a partition of the disk inside; 0: find it */
    const char *package;
    bool json, yes, dry_run, no_mbr, drop, all, read_only, discard, free;
    bool keep_image, verify, force, no_sums;
    bool inside, exact, locate, san_policy, portable, undo;
};

/* What a verb is about: the help lists verbs so. */
enum group { GROUP_MAKE, GROUP_KEEP, GROUP_LOOK, GROUP_IMAGES, GROUP_WINDOWS, GROUP_COUNT };

/* A verb, as the table in verbs/table.c lists them. */
struct verb {
    const char *name; /* "flash", "vhd info" */
    enum group group;
    const char *brief; /* its line in the list of verbs */
    const char *arguments, *summary;
    unsigned arguments_needed;
    unsigned arguments_most; /* 0: no more than are needed */
    uint64_t options;        /* bits of enum option_bit */
    enum status (*run)(const struct options *options);
};

/* Parses what follows argv[0], the last word of the verb. An option may be cut short where no other
 * begins so. Sets *help and returns where --help is among it. */
enum status options_parse(struct options *o, const struct verb *verb, int argc, char **argv,
                          bool *help);

/* What the help says of one option. */
struct option_help {
    const char *name, *value, *text; /* value: NULL where it takes none */
};

/* The verb's options one by one: *at begins as 0 and moves on; false after the last. */
bool options_next(const struct verb *verb, unsigned *at, struct option_help *option);

#endif
