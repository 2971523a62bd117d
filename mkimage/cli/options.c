/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One table drives it all: how an option is called, what sets it, what the help says. Nothing of
 * the host is looked at but the names of --vhd: whether a file is there is for the verb to find
 * out.
 */
#include "cli/options.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "cli/bytes.h"

/* What one option is: all that parsing it and the help need to know. */
struct row {
    enum option bit;
    const char *name, *value; /* value: what the help calls it; NULL where it takes none */
    enum status (*set)(struct options *o, const struct row *row, const char *value);
    size_t field; /* of struct options */
    const char *help;
};

#define PARTITION_MAX 128u

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
    {OPTION_JSON, "json", NULL, set_flag, FIELD(json), "print one JSON object"},
    {OPTION_DRY_RUN, "dry-run", NULL, set_flag, FIELD(dry_run),
     "check everything, say what would be written, write nothing"},
    {OPTION_REPLACE, "yes", NULL, set_flag, FIELD(yes), "yes, replace this file"},
    {OPTION_YES, "yes", NULL, set_flag, FIELD(yes),
     "yes, write to this block device, or replace this file"},
};
#define TABLE_COUNT (sizeof table / sizeof table[0])

void options_help(const struct verb *verb)
{
    printf("usage: mkimage %s %s%s\n\n%s\n\n", verb->name, verb->arguments,
           verb->options ? " [options]" : "", verb->summary);
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        if (!(verb->options & table[i].bit))
            continue;
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", table[i].name, table[i].value ? " " : "",
                 table[i].value ? table[i].value : "");
        printf("  %-22s %s\n", left, table[i].help);
    }
    printf("  %-22s %s\n", "--help", "this text");
}

/* One --name, --name=value or --name value; *index moves on over a value that was taken. */
static enum status parse_option(struct options *o, const struct verb *verb, int argc, char **argv,
                                int *index)
{
    const char *name = argv[*index] + 2;
    const char *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        if (strlen(table[i].name) != length || strncmp(table[i].name, name, length) ||
            !(verb->options & table[i].bit))
            continue;
        const char *value = equals ? equals + 1 : NULL;
        if (!table[i].value && value)
            return say_usage("--%s takes no value", table[i].name);
        if (table[i].value && !value) {
            if (*index + 1 >= argc)
                return say_usage("--%s needs a value: %s", table[i].name, table[i].value);
            value = argv[++*index];
        }
        o->given |= table[i].bit;
        return table[i].set(o, &table[i], value);
    }
    return say_usage("%s has no option %.*s", verb->name, (int)length + 2, argv[*index]);
}

enum status options_parse(struct options *o, const struct verb *verb, int argc, char **argv,
                          bool *help)
{
    *o = (struct options){0};
    *help = false;
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            *help = true;
            return STATUS_OK;
        }
    }

    bool options_end = false;
    for (int i = 0; i < argc; i++) {
        if (!options_end && !strcmp(argv[i], "--")) {
            options_end = true;
        } else if (!options_end && !strncmp(argv[i], "--", 2)) {
            enum status status = parse_option(o, verb, argc, argv, &i);
            if (status)
                return status;
        } else if (!options_end && argv[i][0] == '-' && argv[i][1]) {
            return say_usage("%s has no option %s", verb->name, argv[i]);
        } else if (o->arguments == verb->arguments_needed) {
            return say_usage("%s: one argument too many: %s", verb->name, argv[i]);
        } else {
            o->argument[o->arguments++] = argv[i];
        }
    }
    if (o->arguments < verb->arguments_needed)
        return say_usage("%s needs: %s", verb->name, verb->arguments);
    return STATUS_OK;
}
