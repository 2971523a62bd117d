/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One table drives it all: how an option is called, what sets it, what the help says. argp takes
 * the command line apart, the sentences are ours. Nothing of the host is looked at but the names of
 * --vhd: whether a file is there is for the verb to find out.
 */
#include "cli/options.h"
#include <argp.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/bytes.h"
#include "cli/nearest.h"

/* What one option is: all that parsing it and the help need to know. */
struct row {
    enum option_bit bit;
    const char *name, *value; /* value: what the help calls it; NULL where it takes none */
    enum status (*set)(struct options *o, const struct row *row, const char *value);
    size_t field; /* of struct options */
    const char *help;
};

#define PARTITION_MAX 128u

/* A row's key for argp: no letter's code, so that no option has a short form. */
#define KEY_FIRST     0x100

static void *field(struct options *o, const struct row *row)
{
    return (char *)o + row->field;
}

static enum status set_flag(struct options *o, const struct row *row, const char *value)
{
    (void)value;
    *(bool *)field(o, row) = true;
    return STATUS_OK;
}

static enum status set_text(struct options *o, const struct row *row, const char *value)
{
    *(const char **)field(o, row) = value;
    return STATUS_OK;
}

static enum status not_a_number(const struct row *row, const char *value)
{
    return say_usage("--%s %s: not a number that can be meant", row->name, value);
}

static enum status set_number(struct options *o, const struct row *row, const char *value)
{
    return bytes_parse_number(value, field(o, row)) ? STATUS_OK : not_a_number(row, value);
}

static enum status set_partition(struct options *o, const struct row *row, const char *value)
{
    uint64_t n;
    if (!bytes_parse_number(value, &n) || !n || n > PARTITION_MAX)
        return not_a_number(row, value);
    *(unsigned *)field(o, row) = (unsigned)n;
    return STATUS_OK;
}

static enum status set_size(struct options *o, const struct row *row, const char *value)
{
    uint64_t *size = field(o, row);
    if (!bytes_parse(value, size) || !*size)
        return say_usage(
            "--%s %s: not a size; write bytes, or a number with K, M, G or T, as in 64G or 64GB",
            row->name, value);
    return STATUS_OK;
}

static enum status set_reserve(struct options *o, const struct row *row, const char *value)
{
    uint64_t *size = field(o, row);
    if (strcmp(value, "none") && (!bytes_parse(value, size) || !*size))
        return say_usage("--%s %s: neither a size nor none", row->name, value);
    return STATUS_OK;
}

static enum status add_drive(struct options *o, const struct row *row, const char *value)
{
    if (o->drives == DRIVES_MAX)
        return say_usage("--%s: more than %u further disks", row->name, DRIVES_MAX);
    o->drive[o->drives++] = value;
    return STATUS_OK;
}

static enum status set_place(struct options *o, const struct row *row, const char *value)
{
    *(bool *)field(o, row) = !strcmp(value, "gap");
    if (!o->gap && strcmp(value, "volume"))
        return say_usage("--%s %s: choose volume or gap", row->name, value);
    return STATUS_OK;
}

/* --vhd a,b: split at commas, except that a name that exists as it stands is one name. */
static enum status add_vhds(struct options *o, const struct row *row, const char *value)
{
    char *list = strdup(value);
    if (!list)
        return say_no_memory();
    FILE *whole = strchr(list, ',') ? fopen(value, "re") : NULL;
    for (char *name = list; name;) { /* the strings live as long as the program */
        char *comma = whole ? NULL : strchr(name, ',');
        if (comma)
            *comma++ = '\0';
        if (!*name)
            return say_usage("--%s %s: a name is empty", row->name, value);
        if (o->vhds == VHDS_MAX)
            return say_usage("--%s: more than %u images", row->name, VHDS_MAX);
        o->vhd[o->vhds++] = name;
        name = comma;
    }
    if (whole)
        fclose(whole);
    return STATUS_OK;
}

#define FIELD(name) offsetof(struct options, name)

static const struct row table[] = {
    {OPTION_VHD, "vhd", "FILE[,FILE...]", add_vhds, FIELD(vhd),
     "images to put on the flash; may be given again"},
    {OPTION_SIZE, "size", "SIZE", set_size, FIELD(size),
     "size of the flash: bytes, or with K, M, G, T; default: what is "
     "needed and some room"},
    {OPTION_LABEL, "label", "NAME", set_text, FIELD(label), "the volume's label; default: VHDBOOT"},
    {OPTION_CONFIG, "config", "FILE", set_text, FIELD(config),
     "use this as \\vhdboot.cfg; default: one is written"},
    {OPTION_PARTITION, "partition", "N", set_partition, FIELD(partition),
     "the partition, numbered as Linux does; default: the "
     "active NTFS one, else the first NTFS one"},
    {OPTION_NO_MBR, "no-mbr", NULL, set_flag, FIELD(no_mbr),
     "leave the master boot record as it is"},
    {OPTION_BOOT_PLACE, "place", "volume|gap", set_place, FIELD(gap),
     "gap: vhdboot goes in front of the first partition, or into a GPT's BIOS boot partition; the "
     "volume's boot record and which partition is active stay; default: volume"},
    {OPTION_BACKUP, "backup", "FILE", set_text, FIELD(backup),
     "save what is replaced in this new file, for restore"},
    {OPTION_ENTRY, "entry", "NAME", set_text, FIELD(entry),
     "the entry of vhdboot.cfg; default: the default one"},
    {OPTION_ALL, "all", NULL, set_flag, FIELD(all), "every entry of the menu"},
    {OPTION_DRIVE, "drive", "FILE", add_drive, FIELD(drive),
     "another disk of the machine, which a parent may lie on; may be given again"},
    {OPTION_LBA, "lba", "N", set_number, FIELD(lba), "first sector; default: 0"},
    {OPTION_COUNT, "count", "N", set_number, FIELD(count),
     "number of sectors; default: all to the end"},
    {OPTION_FILE, "file", "PATH", set_text, FIELD(file),
     "the image at this path of TARGET's volume"},
    {OPTION_NAME, "name", "FILE", set_text, FIELD(name),
     "name of the new image, beside its parent, or a path from the volume's root on; default: the "
     "parent's name and a number"},
    {OPTION_NEW_SIZE, "size", "SIZE", set_size, FIELD(size),
     "how much new data must fit: bytes, or with K, M, G, T"},
    {OPTION_RESERVE, "reserve", "SIZE|none", set_reserve, FIELD(reserve),
     "slack for each image that can grow; default: all that its disk may need, but 4 GiB and half "
     "of the volume's free space at the most, and 1 GiB where --size is not given"},
    {OPTION_DROP, "drop", NULL, set_flag, FIELD(drop),
     "remove the child, and let the entry start its parent again"},
    {OPTION_DISK_SIZE, "size", "SIZE", set_size, FIELD(size),
     "size of the disk: bytes, or with K, M, G, T"},
    {OPTION_FORMAT, "format", "vhd|vhdx", set_text, FIELD(format), "default: as the file is named"},
    {OPTION_KIND, "kind", "fixed|dynamic", set_text, FIELD(kind), "default: dynamic"},
    {OPTION_PARENT, "parent", "FILE", set_text, FIELD(parent),
     "the image that this one is a child of"},
    {OPTION_BLOCK_SIZE, "block-size", "SIZE", set_size, FIELD(block_size),
     "default: 2M in a VHD, 32M in a VHDX"},
    {OPTION_TITLE, "title", "TEXT", set_text, FIELD(title),
     "what the menu shows; default: the image's name"},
    {OPTION_PLACE, "name", "PATH", set_text, FIELD(name),
     "where the image goes on the volume; default: its own name, in the root folder"},
    {OPTION_WRITE, "write", "MODE", set_text, FIELD(write),
     "persistent, discard or none; default: persistent"},
    {OPTION_KEEP_IMAGE, "keep-image", NULL, set_flag, FIELD(keep_image),
     "only the entry goes, its image stays"},
    {OPTION_CHILDREN, "children", "keep|drop", set_text, FIELD(children),
     "what becomes of images whose parent the old one is: they stay as they are and do not start, "
     "or are removed, and entries of theirs start the new one"},
    {OPTION_READ_ONLY, "read-only", NULL, set_flag, FIELD(read_only), "nothing can be written"},
    {OPTION_DISCARD, "discard", NULL, set_flag, FIELD(discard),
     "what is written is kept until it is detached, and then forgotten"},
    {OPTION_FREE, "free", NULL, set_flag, FIELD(free),
     "what NTFS volumes on the disk do not use is given back too"},
    {OPTION_DEVICE, "device", "/dev/nbdN", set_text, FIELD(device), "default: a free one"},
    {OPTION_VERIFY, "verify", NULL, set_flag, FIELD(verify),
     "read everything back in the end, and compare its sums"},
    {OPTION_FORCE, "force", NULL, set_flag, FIELD(force),
     "yes, this device, although it cannot be taken out of the machine"},
    {OPTION_NO_SUMS, "no-sums", NULL, set_flag, FIELD(no_sums),
     "keep no SHA-256 of the images, which takes another reading of them"},
    {OPTION_INSIDE, "inside", NULL, set_flag, FIELD(inside),
     "into the image's own active partition, not onto the disk that it lies on"},
    {OPTION_LOCATE, "locate", NULL, set_flag, FIELD(locate),
     "find the image by its path on whatever volume it is (the default)"},
    {OPTION_EXACT, "exact", NULL, set_flag, FIELD(exact),
     "find the partition by disk signature and offset"},
    {OPTION_SAN_POLICY, "san-policy", NULL, set_flag, FIELD(san_policy),
     "keep the machine's own disks offline (SanPolicy 4)"},
    {OPTION_PORTABLE, "portable", NULL, set_flag, FIELD(portable),
     "mark it as one that moves between machines (Windows 8 and later)"},
    {OPTION_UNDO, "undo", NULL, set_flag, FIELD(undo), "take back what tune has set"},
    {OPTION_ROOT, "root", "N", set_partition, FIELD(root),
     "its root is on partition N of the disk in the image; default: find it"},
    {OPTION_PACKAGE, "package", "FILE", set_text, FIELD(package),
     "install this vhdboot-guest package with dpkg, in place of what mkimage has in it"},
    {OPTION_JSON, "json", NULL, set_flag, FIELD(json), "print one JSON object"},
    {OPTION_DRY_RUN, "dry-run", NULL, set_flag, FIELD(dry_run),
     "check everything, say what would be written, write nothing"},
    {OPTION_REPLACE, "yes", NULL, set_flag, FIELD(yes), "yes, replace this file"},
    {OPTION_CUT, "yes", NULL, set_flag, FIELD(yes), "yes, cut off data that no partition tells of"},
    {OPTION_YES, "yes", NULL, set_flag, FIELD(yes),
     "yes, write to this block device, or replace this file"},
};
#define TABLE_COUNT (sizeof table / sizeof table[0])

bool options_next(const struct verb *verb, unsigned *at, struct option_help *option)
{
    while (*at < TABLE_COUNT) {
        const struct row *row = &table[(*at)++];
        if (!(verb->options & row->bit))
            continue;
        *option = (struct option_help){row->name, row->value, row->help};
        return true;
    }
    return false;
}

static enum status no_such_option(const struct verb *verb, const char *written)
{
    int length = (int)strcspn(written, "=");
    char *word = strndup(written + strspn(written, "-"), (size_t)length);
    if (!word)
        return say_no_memory();
    word[strcspn(word, "=")] = '\0';
    struct nearest nearest = {.word = word};
    struct option_help option;
    for (unsigned i = 0; options_next(verb, &i, &option);)
        nearest_try(&nearest, option.name);
    enum status status = nearest.name
                             ? say_usage("%s has no option %.*s: the nearest is --%s", verb->name,
                                         length, written, nearest.name)
                             : say_usage("%s has no option %.*s", verb->name, length, written);
    free(word);
    return status;
}

/* What argp makes nothing of, as it was written: an option that the verb has not, one without its
 * value, or one with a value that takes none. */
static enum status wrong_option(const struct verb *verb, const char *written)
{
    const char *name = written + strspn(written, "-");
    size_t length = strcspn(name, "=");
    struct option_help option;
    for (unsigned i = 0; options_next(verb, &i, &option);) {
        if (written[1] != '-' || strlen(option.name) != length ||
            strncmp(option.name, name, length))
            continue;
        if (option.value)
            return say_usage("--%s needs a value: %s", option.name, option.value);
        return say_usage("--%s takes no value", option.name);
    }
    return no_such_option(verb, written);
}

/* What a run of argp works on. */
struct parse {
    struct options *o;
    const struct verb *verb;
    int next; /* behind what was taken so far */
    enum status status;
};

/* The word that argp stumbled over. It goes on behind it, but not behind the first of several
 * letters that follow a single dash: those could be options of their own. */
static const char *stumbled_over(const struct parse *parse, const struct argp_state *state)
{
    return state->argv[state->next == parse->next ? state->next : state->next - 1];
}

static enum status take_argument(const struct parse *parse, const char *argument)
{
    struct options *o = parse->o;
    const struct verb *verb = parse->verb;
    if (o->arguments == (verb->arguments_most ? verb->arguments_most : verb->arguments_needed))
        return say_usage("%s: one argument too many: %s", verb->name, argument);
    o->argument[o->arguments++] = argument;
    return STATUS_OK;
}

static error_t take(int key, char *value, struct argp_state *state)
{
    struct parse *parse = state->input;
    if (key >= KEY_FIRST && key < KEY_FIRST + (int)TABLE_COUNT) {
        const struct row *row = &table[key - KEY_FIRST];
        parse->o->given |= row->bit;
        parse->status = row->set(parse->o, row, value);
    } else if (key == ARGP_KEY_ARG) {
        parse->status = take_argument(parse, value);
    } else if (key == ARGP_KEY_END && parse->o->arguments < parse->verb->arguments_needed) {
        parse->status = say_usage("%s needs: %s", parse->verb->name, parse->verb->arguments);
    } else if (key == ARGP_KEY_ERROR && !parse->status) {
        parse->status = wrong_option(parse->verb, stumbled_over(parse, state));
    } else {
        return ARGP_ERR_UNKNOWN;
    }
    parse->next = state->next;
    return parse->status ? EINVAL : 0;
}

enum status options_parse(struct options *o, const struct verb *verb, int argc, char **argv,
                          bool *help)
{
    *o = (struct options){0};
    *help = false;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            *help = true;
            return STATUS_OK;
        }
    }

    struct argp_option rows[TABLE_COUNT + 1] = {0};
    for (unsigned i = 0, n = 0; i < TABLE_COUNT; i++) {
        if (verb->options & table[i].bit)
            rows[n++] = (struct argp_option){
                .name = table[i].name, .key = KEY_FIRST + (int)i, .arg = table[i].value};
    }
    struct parse parse = {.o = o, .verb = verb, .next = 1};
    const struct argp argp = {.options = rows, .parser = take};
    error_t error =
        argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP | ARGP_IN_ORDER, NULL, &parse);
    return parse.status || !error ? parse.status : say_no_memory();
}
