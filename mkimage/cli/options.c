/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/options.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    enum option bit;
    const char *name, *value, *help;
} table[] = {
    {OPTION_VHD, "vhd", "FILE[,FILE...]", "images to put on the flash; may be given again"},
    {OPTION_SIZE, "size", "SIZE",
     "size of the flash: bytes, or with K, M, G, T; default: what is "
     "needed and some room"},
    {OPTION_LABEL, "label", "NAME", "the volume's label; default: VHDBOOT"},
    {OPTION_CONFIG, "config", "FILE", "use this as \\vhdboot.cfg; default: one is written"},
    {OPTION_PARTITION, "partition", "N",
     "the partition, numbered as Linux does; default: the "
     "active NTFS one, else the first NTFS one"},
    {OPTION_NO_MBR, "no-mbr", NULL, "leave the master boot record as it is"},
    {OPTION_BACKUP, "backup", "FILE", "save what is replaced in this new file, for restore"},
    {OPTION_ENTRY, "entry", "NAME", "the entry of vhdboot.cfg; default: the default one"},
    {OPTION_DRIVE, "drive", "FILE",
     "another disk of the machine, which a parent may lie on; may be given again"},
    {OPTION_LBA, "lba", "N", "first sector; default: 0"},
    {OPTION_COUNT, "count", "N", "number of sectors; default: all to the end"},
    {OPTION_FILE, "file", "PATH", "the image at this path of TARGET's volume"},
    {OPTION_NAME, "name", "FILE",
     "name of the new image, beside its parent, or a path from the volume's root on; default: the "
     "parent's name and a number"},
    {OPTION_NEW_SIZE, "size", "SIZE", "how much new data must fit: bytes, or with K, M, G, T"},
    {OPTION_RESERVE, "reserve", "SIZE|none",
     "slack for each image that can grow; default: all that its disk may need, but 4 GiB and half "
     "of the volume's free space at the most, and 1 GiB where --size is not given"},
    {OPTION_DROP, "drop", NULL, "remove the child, and let the entry start its parent again"},
    {OPTION_DISK_SIZE, "size", "SIZE", "size of the disk: bytes, or with K, M, G, T"},
    {OPTION_FORMAT, "format", "vhd|vhdx", "default: as the file is named"},
    {OPTION_KIND, "kind", "fixed|dynamic", "default: dynamic"},
    {OPTION_PARENT, "parent", "FILE", "the image that this one is a child of"},
    {OPTION_BLOCK_SIZE, "block-size", "SIZE", "default: 2M in a VHD, 32M in a VHDX"},
    {OPTION_JSON, "json", NULL, "print one JSON object"},
    {OPTION_DRY_RUN, "dry-run", NULL, "check everything, say what would be written, write nothing"},
    {OPTION_REPLACE, "yes", NULL, "yes, replace this file"},
    {OPTION_YES, "yes", NULL, "yes, write to this block device, or replace this file"},
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

static bool number(const char *text, uint64_t *value)
{
    if (*text < '0' || *text > '9')
        return false;
    uint64_t v = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
            return false;
    }
    *value = v;
    return !*text;
}

bool options_size(const char *text, uint64_t *bytes)
{
    char digits[32];
    size_t length = strlen(text);
    if (!length || length >= sizeof digits)
        return false;
    memcpy(digits, text, length + 1);

    static const char units[] = "KMGT";
    char last = digits[length - 1];
    const char *unit = strchr(units, last >= 'a' && last <= 'z' ? last - 'a' + 'A' : last);
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (unit)
        digits[length - 1] = '\0';
    uint64_t value;
    if (!number(digits, &value) || value > UINT64_MAX >> shift)
        return false;
    *bytes = value << shift;
    return true;
}

/* --vhd a,b: split at commas, except that a name that exists as it stands is one name. */
static enum status add_vhds(struct options *o, const char *value)
{
    char *list = strdup(value);
    if (!list)
        return say_error("Free some memory.", "out of memory");
    FILE *whole = strchr(list, ',') ? fopen(value, "re") : NULL;
    for (char *name = list; name;) { /* the strings live as long as the program */
        char *comma = whole ? NULL : strchr(name, ',');
        if (comma)
            *comma++ = '\0';
        if (!*name)
            return say_usage("--vhd %s: a name is empty", value);
        if (o->vhds == VHDS_MAX)
            return say_usage("--vhd: more than %u images", VHDS_MAX);
        o->vhd[o->vhds++] = name;
        name = comma;
    }
    if (whole)
        fclose(whole);
    return STATUS_OK;
}

static enum status set(struct options *o, enum option bit, const char *name, const char *value)
{
    uint64_t n = 0;
    switch (bit) {
    case OPTION_VHD:
        return add_vhds(o, value);
    case OPTION_RESERVE:
        if (strcmp(value, "none") && (!options_size(value, &o->reserve) || !o->reserve))
            return say_usage("--reserve %s: neither a size nor none", value);
        return STATUS_OK;
    case OPTION_SIZE:
    case OPTION_NEW_SIZE:
        if (!options_size(value, &o->size) || !o->size)
            return say_usage("--size %s: not a size; write bytes, or a number with K, M, G or T",
                             value);
        return STATUS_OK;
    case OPTION_DISK_SIZE:
        if (!options_size(value, &o->size) || !o->size)
            return say_usage("--size %s: not a size; write bytes, or a number with K, M, G or T",
                             value);
        return STATUS_OK;
    case OPTION_BLOCK_SIZE:
        if (!options_size(value, &o->block_size) || !o->block_size)
            return say_usage("--block-size %s: not a size; write bytes, or a number with K or M",
                             value);
        return STATUS_OK;
    case OPTION_FORMAT:
        o->format = value;
        return STATUS_OK;
    case OPTION_KIND:
        o->kind = value;
        return STATUS_OK;
    case OPTION_PARENT:
        o->parent = value;
        return STATUS_OK;
    case OPTION_LABEL:
        o->label = value;
        return STATUS_OK;
    case OPTION_CONFIG:
        o->config = value;
        return STATUS_OK;
    case OPTION_BACKUP:
        o->backup = value;
        return STATUS_OK;
    case OPTION_ENTRY:
        o->entry = value;
        return STATUS_OK;
    case OPTION_DRIVE:
        if (o->drives == DRIVES_MAX)
            return say_usage("--drive: more than %u further disks", DRIVES_MAX);
        o->drive[o->drives++] = value;
        return STATUS_OK;
    case OPTION_PARTITION:
    case OPTION_LBA:
    case OPTION_COUNT:
        if (!number(value, &n) || (bit == OPTION_PARTITION && (!n || n > 128)))
            return say_usage("--%s %s: not a number that can be meant", name, value);
        if (bit == OPTION_PARTITION)
            o->partition = (unsigned)n;
        else if (bit == OPTION_LBA)
            o->lba = n;
        else
            o->count = n;
        return STATUS_OK;
    case OPTION_FILE:
        o->file = value;
        return STATUS_OK;
    case OPTION_NAME:
        o->name = value;
        return STATUS_OK;
    case OPTION_DROP:
        o->drop = true;
        return STATUS_OK;
    case OPTION_NO_MBR:
        o->no_mbr = true;
        return STATUS_OK;
    case OPTION_JSON:
        o->json = true;
        return STATUS_OK;
    case OPTION_DRY_RUN:
        o->dry_run = true;
        return STATUS_OK;
    case OPTION_REPLACE:
    case OPTION_YES:
        o->yes = true;
        return STATUS_OK;
    }
    return STATUS_OK;
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
        return set(o, table[i].bit, table[i].name, value);
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
