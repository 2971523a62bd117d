/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The paths are decided already. Only makes a text. */
#include "flash/menu.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/base/path.h"

/* Could this name stand in a config as it is? */
static bool config_takes(const char *name)
{
    size_t length = strlen(name);
    return length && !strpbrk(name, "#[]=\r\n") && name[0] != ' ' && name[length - 1] != ' ';
}

/* The image's name without its extension, and without blanks there, which a config does not keep.
 */
static char *plain_name(const struct flash_image *image)
{
    const char *name = path_last_part(image->path);
    const char *dot = strrchr(name, '.');
    size_t length = dot && dot > name ? (size_t)(dot - name) : strlen(name);
    while (length && (name[length - 1] == ' ' || name[length - 1] == '\t'))
        length--;
    return strndup(name, length);
}

/* Do the first `count` entries, or the plain names of all other images, have this name? */
static bool is_used(char *const *name, char *const *plain, unsigned count, unsigned all,
                    const char *wanted)
{
    for (unsigned i = 0; i < all; i++) {
        if ((i < count && name[i] && !strcasecmp(name[i], wanted)) ||
            (i != count && plain[i] && !strcasecmp(plain[i], wanted)))
            return true;
    }
    return false;
}

/* A name for image `i` that no other entry has: its plain one for the first image that has it. */
static char *entry_name(char *const *name, char *const *plain, unsigned i, unsigned all)
{
    bool first = true;
    for (unsigned k = 0; k < i; k++)
        first &= !plain[k] || strcasecmp(plain[k], plain[i]);
    if (first)
        return strdup(plain[i]);
    for (unsigned number = 2;; number++) { /* ends: there are fewer images than numbers */
        char *numbered;
        if (asprintf(&numbered, "%s-%u", plain[i], number) < 0)
            return NULL;
        if (!is_used(name, plain, i, all, numbered))
            return numbered;
        free(numbered);
    }
}

static bool write_entries(FILE *file, const struct flash_plan *plan, char **name, char **plain)
{
    bool ok = true;
    for (unsigned i = 0; i < plan->count; i++) {
        const struct flash_image *image = &plan->image[i];
        if (image->is_parent)
            continue;
        const char *own = path_last_part(image->path);
        ok = ok && config_takes(own) && config_takes(name[i]);
        bool renamed = strcmp(name[i], plain[i]) != 0;
        if (renamed)
            say("%s: is entry %s, as another image has the name %s", image->path, name[i],
                plain[i]);
        fprintf(file, "\r\n[%s]\r\ntitle = %s\r\nvhd = %s\r\n", name[i], renamed ? own : plain[i],
                image->path);
    }
    return ok;
}

enum status menu_make(struct flash_plan *plan)
{
    char *plain[FLASH_IMAGES_MAX] = {0}, *name[FLASH_IMAGES_MAX] = {0};
    unsigned entries = 0;
    bool memory = true, ok = true;
    for (unsigned i = 0; i < plan->count; i++) {
        entries += !plan->image[i].is_parent;
        plain[i] = plan->image[i].is_parent ? NULL : plain_name(&plan->image[i]);
        memory = memory && (plain[i] || plan->image[i].is_parent);
    }
    for (unsigned i = 0; memory && i < plan->count; i++) {
        name[i] = plain[i] ? entry_name(name, plain, i, plan->count) : NULL;
        memory = name[i] || !plain[i];
    }
    FILE *file = memory ? open_memstream(&plan->config, &plan->config_size) : NULL;
    if (file) {
        fputs("# Made by mkimage flash; edit it as you like.\r\n", file);
        if (entries > 1)
            fputs("timeout = 5\r\n", file);
        ok = write_entries(file, plan, name, plain);
    }
    memory = file && !fclose(file);
    for (unsigned i = 0; i < plan->count; i++) {
        free(plain[i]);
        free(name[i]);
    }
    if (!memory)
        return say_no_memory();
    for (unsigned i = 0; !ok && i < plan->count; i++) {
        if (plan->image[i].is_raw)
            return say_error("Rename the files.",
                             "%s: a name cannot be written in a config, and without one the loader "
                             "finds no raw disk",
                             plan->image[i].source);
    }
    if (!ok) {
        plan->config_size = 0;
        say_warning("no \\vhdboot.cfg is made, as a name of an image cannot be written in it");
    }
    return STATUS_OK;
}
