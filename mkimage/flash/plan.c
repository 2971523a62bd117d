/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order: every image and its parents, the config, the paths, the slack. Only reads: when it
 * is done, all refusals that can be known ahead have been said.
 */
#include "flash/plan.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/bytes.h"
#include "cli/path.h"
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/path.h"
#include "core/base/text.h"
#include "core/chain/chain.h"
#include "core/chain/path.h"
#include "core/entry/config.h"
#include "core/entry/open.h"
#include "core/map/map.h"
#include "core/ntfs/ntfs.h"
#include "flash/backup.h"
#include "flash/bootcode.h"
#include "flash/entry.h"
#include "flash/menu.h"
#include "flash/sums.h"
#include "flash/sums_format.h"
#include "flash/source.h"
#include "flash/target.h"
#include "host/device.h"
#include "host/files.h"
#include "host/lock.h"
#include "ntfs/mkfs.h"
#include "ntfs/volume.h"

static enum status open_host_image(struct flash_image *image)
{
    struct stat st;
    if (device_check_name(image->source))
        return STATUS_FAILED;
    image->real = realpath(image->source, NULL);
    if (image->real)
        image->fd = open(image->real, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (image->fd < 0 || fstat(image->fd, &st))
        return say_error("Check the name.", "%s: cannot be opened: %s", image->source,
                         strerror(errno));
    if (!S_ISREG(st.st_mode))
        return say_error("Name a VHD file.", "%s: is no file", image->source);
    image->size = (uint64_t)st.st_size;
    image->changed = st.st_mtim;
    return lock_hold(image->fd, image->source, LOCK_READER);
}

static enum status open_volume_image(struct flash_plan *plan, struct flash_image *image,
                                     const char *target, const char *path)
{
    enum status status = origin_open(&plan->origins, target, &image->origin);
    if (status)
        return status;
    struct fail f;
    if (ntfs_open(&image->origin->target.volume, path, &image->file, &f)) {
        (void)fail_subject(&f, image->source);
        return say_fail_advice(&f, f.err == ERR_NOT_FOUND ? "Check the name." : NULL);
    }
    image->size = image->file.size;
    if (asprintf(&image->real, "%s:%s", image->origin->real, image->file.path) < 0)
        return say_no_memory();
    return STATUS_OK;
}

static enum status open_image(struct flash_plan *plan, struct flash_image *image,
                              const char *source)
{
    *image = (struct flash_image){.source = source, .fd = -1};
    char *target = NULL;
    const char *path;
    bool on_volume = source_on_target(source, &target, &path);
    enum status status =
        on_volume ? open_volume_image(plan, image, target, path) : open_host_image(image);
    free(target);
    if (!status && !volume_name_ok(path_last_part(source)))
        status = say_error("Rename the file.", "%s: NTFS takes no such name", source);
    return status;
}

static void close_image(struct flash_image *image)
{
    if (image->fd >= 0) {
        lock_release(image->fd);
        close(image->fd);
    }
    free(image->path);
    free(image->real);
    placement_free(&image->placement);
}

/* The image of the plan that is this file; one more where it is not there yet. */
static enum status plan_image(struct flash_plan *plan, const char *source, unsigned *index)
{
    struct flash_image image;
    enum status status = open_image(plan, &image, source);
    for (*index = 0; !status && *index < plan->count; ++*index) {
        if (!strcmp(plan->image[*index].real, image.real)) {
            close_image(&image);
            return STATUS_OK;
        }
    }
    if (!status && *index == FLASH_IMAGES_MAX)
        status = say_error("Make more than one flash of them.", "%s: more than %u images", source,
                           FLASH_IMAGES_MAX);
    if (status)
        close_image(&image);
    else
        plan->image[plan->count++] = image;
    return status;
}

/* The whole name of a link of the chain, as open_image takes it; in the arena, NULL where it is
 * full. */
static const char *link_source(const struct flash_image *leaf, const struct chain_link *link,
                               struct arena *arena)
{
    const struct hostfile *host = link->file.ctx;
    const char *target = leaf->origin ? leaf->origin->real : "";
    const char *path = leaf->origin ? link->path : host->path;
    char *source = arena_alloc(arena, strlen(target) + strlen(path) + 2);
    if (source)
        sprintf(source, "%s%s%s", target, leaf->origin ? ":" : "", path);
    return source;
}

/* Why the machine would refuse the disk when all else is well, or NULL. */
static const char *no_system(const struct chain *chain, struct blk *blk, struct arena *arena)
{
    struct blk *const drive[MAP_DRIVES_MAX] = {blk};
    uint8_t sector[SECTOR_SIZE];
    struct map map;
    struct fail f;
    size_t mark = arena_mark(arena);
    bool none = !map_build(&map, chain, &(struct map_writes){0}, arena, &f) &&
                boot_record_read(&map, drive, sector, &f) == ERR_NO_SYSTEM;
    arena_release(arena, mark);
    return none ? f.sentence : NULL;
}

/* Opens the image as the loader will, and takes its parents along. */
static enum status check_image(struct flash_plan *plan, unsigned index, struct arena *arena)
{
    struct hostfiles files;
    struct chain chain = {0};
    struct fail f;
    struct flash_image *image = &plan->image[index];
    hostfiles_init(&files);
    enum status status = STATUS_OK;
    struct origin *origin = image->origin;
    if (chain_open(&chain, origin ? &origin->files : &files.files,
                   origin ? image->file.path : image->real, arena, &f))
        status = say_fail(&f);
    for (unsigned i = 1, child = index; !status && i < chain.count; i++) {
        const struct chain_link *link = chain.link[i - 1];
        const char *source = link_source(&plan->image[index], chain.link[i], arena);
        unsigned parent = 0;
        status = source ? plan_image(plan, source, &parent) : say_no_memory();
        if (!status && !plan->image[parent].is_parent) {
            plan->image[parent].is_parent = true;
            plan->image[parent].child = child;
            plan->image[parent].place = link->image.parent[link->parent_used];
        }
        child = parent;
    }
    if (!status) {
        struct image *leaf = &chain.link[0]->image;
        image->no_system = no_system(&chain, origin ? &origin->target.blk : &files.blk, arena);
        image->has_slack = image->grows = slack_grows(leaf);
        image->is_raw = leaf->format == IMAGE_RAW;
        image->format = leaf->format;
        memcpy(image->id, leaf->id, sizeof image->id);
        if (image->grows && slack_find(&image->slack, leaf, arena, &f))
            status = say_fail(&f);
        snprintf(image->kind, sizeof image->kind, "%s, %s", image_kind_name(leaf),
                 bytes_text(leaf->sectors << SECTOR_SHIFT));
    }
    hostfiles_close(&files);
    return status;
}

/* A path as the volume keeps it: backslashes, a leading one. */
static char *volume_path(const char *folder, size_t folder_length, const char *name)
{
    char *path;
    while (folder_length && path_is_separator(folder[folder_length - 1]))
        folder_length--;
    while (folder_length && path_is_separator(*folder)) {
        folder++;
        folder_length--;
    }
    if (asprintf(&path, "%s%.*s\\%s", folder_length ? "\\" : "", (int)folder_length, folder, name) <
        0)
        return NULL;
    path_backslashes(path);
    return path;
}

/* The path of an entry's image on the flash; NULL where it names another volume. The flash's serial
 * number nobody can have named yet. */
static const char *own_path(const struct flash_plan *plan, const struct config_entry *entry)
{
    size_t prefix = chain_path_volume(entry->vhd);
    bool own = !prefix || text_same_caseless(entry->vhd, prefix - 1, plan->label);
    return own ? entry->vhd + prefix : NULL;
}

/* Where the config looks for an image of this name; else beside the one before; else the root. */
static char *chosen_path(struct flash_plan *plan, unsigned index, const struct config *config)
{
    const char *name = path_last_part(plan->image[index].source);
    const char *folder = "\\";
    for (unsigned i = 0; i < index; i++) {
        if (!plan->image[i].is_parent)
            folder = plan->image[i].path;
    }
    size_t length = path_folder_length(folder);
    for (unsigned i = 0; config && i < config->count; i++) {
        const char *vhd = own_path(plan, &config->entry[i]);
        if (vhd && volume_same_path(path_last_part(vhd), name)) {
            folder = vhd;
            length = path_folder_length(vhd);
            name = path_last_part(vhd);
        }
    }
    return volume_path(folder, length, name);
}

/* Where its child looks for a parent: the loader's own reckoning, from the child's place. */
static char *parent_path(struct flash_plan *plan, unsigned index, struct arena *arena)
{
    const struct flash_image *image = &plan->image[index];
    const char *path = chain_parent_path(plan->image[image->child].path, &image->place, arena);
    return path ? strdup(path) : NULL;
}

/* Takes the path if it is one, and nobody else's. */
static enum status set_path(struct flash_plan *plan, unsigned index, char *path)
{
    struct flash_image *image = &plan->image[index];
    image->path = path;
    if (!path)
        return say_no_memory();
    if (!volume_name_ok(path))
        return say_error("Correct it in the config.", "%s: NTFS takes no such path", path);
    if (path[1] == '$')
        return say_error("Put it somewhere else.",
                         "%s: would be %s, and such names are the file system's own", image->source,
                         path);
    if (volume_same_path(path, BOOT_STAGE2_PATH) || volume_same_path(path, BOOT_CONFIG_PATH) ||
        volume_same_path(path, SUMS_PATH) || volume_same_path(path, BACKUP_PATH))
        return say_error("Rename the file.", "%s: would be %s, which is vhdboot's own",
                         image->source, path);
    for (unsigned i = 0; i < plan->count; i++) {
        if (i != index && plan->image[i].path && volume_same_path(plan->image[i].path, path))
            return say_error("Rename one of them, or name the child's folder in a config.",
                             "%s and %s: both would be %s", plan->image[i].source, image->source,
                             path);
    }
    return STATUS_OK;
}

/* The user's images first: where parents go follows from their children. */
static enum status choose_paths(struct flash_plan *plan, const struct config *config,
                                struct arena *arena)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < plan->count; i++) {
        if (!plan->image[i].is_parent && !plan->image[i].path)
            status = set_path(plan, i, chosen_path(plan, i, config));
    }
    for (unsigned left = plan->count; !status && left; left--) { /* a round a generation at most */
        for (unsigned i = 0; !status && i < plan->count; i++) {
            const struct flash_image *image = &plan->image[i];
            if (!image->path && plan->image[image->child].path)
                status = set_path(plan, i, parent_path(plan, i, arena));
        }
    }
    return status;
}

void flash_plan_writers(struct flash_plan *plan, const struct config *config)
{
    for (unsigned i = 0; i < plan->count; i++) {
        struct flash_image *image = &plan->image[i];
        bool written = !config;
        for (unsigned k = 0; config && k < config->count; k++) {
            const struct config_entry *e = &config->entry[k];
            const char *vhd = own_path(plan, e);
            written |= entry_keeps_writes(e) && vhd && volume_same_path(vhd, image->path);
        }
        image->is_written = written && !image->is_parent;
        image->grows = image->grows && image->is_written;
    }
}

uint64_t flash_image_size(const struct flash_image *image)
{
    return image->slots ? slack_size(&image->slack, image->slots) : image->size;
}

enum status flash_plan_slack(struct flash_plan *plan, uint64_t bytes)
{
    for (unsigned i = 0; i < plan->count; i++) {
        struct flash_image *image = &plan->image[i];
        image->slots = image->grows ? slack_wanted(&image->slack, bytes) : 0;
        if (image->slots && !flash_image_size(image))
            return slack_too_large(image->source, "Choose a smaller --reserve.");
        plan->needed += flash_image_size(image) - image->size;
    }
    return STATUS_OK;
}

void flash_plan_share_slack(struct flash_plan *plan, uint64_t room, uint64_t most)
{
    unsigned growing = 0;
    for (unsigned i = 0; i < plan->count; i++)
        growing += plan->image[i].grows;
    for (unsigned i = 0; i < plan->count; i++) {
        struct flash_image *image = &plan->image[i];
        uint64_t share = growing ? room / growing : 0;
        image->slots = image->grows ? slack_fitting(&image->slack, share < most ? share : most) : 0;
        if (image->slots && !flash_image_size(image))
            image->slots = 0;
    }
}

static enum status read_config(struct flash_plan *plan, const char *name)
{
    FILE *file = fopen(name, "re");
    if (!file)
        return say_error("Check the name.", "%s: cannot be opened: %s", name, strerror(errno));
    plan->config = malloc(CONFIG_SIZE_MAX + 1);
    if (plan->config)
        plan->config_size = fread(plan->config, 1, CONFIG_SIZE_MAX + 1, file);
    bool failed = !plan->config || ferror(file);
    fclose(file);
    if (failed)
        return say_error("Check the file.", "%s: cannot be read", name);
    if (plan->config_size > CONFIG_SIZE_MAX)
        return say_error("Make it shorter.", "%s: is longer than %u bytes", name, CONFIG_SIZE_MAX);
    return STATUS_OK;
}

static void say_complaint(void *name, const struct config_complaint *c)
{
    say_warning("%s, line %u: %s%s%s", (const char *)name, c->line, c->sentence,
                *c->word ? ": " : "", c->word);
}

/* All images that the command line names, and their parents. */
static enum status plan_images(struct flash_plan *plan, const struct options *options,
                               struct arena *arena)
{
    enum status status = arena_open(arena);
    for (unsigned i = 0; !status && i < options->vhds; i++) {
        unsigned index;
        status = plan_image(plan, options->vhd[i], &index);
    }
    for (unsigned i = 0; !status && i < plan->count; i++) /* plan->count grows by parents */
        status = check_image(plan, i, arena);
    return status;
}

enum status flash_plan_finish(struct flash_plan *plan, uint64_t others, enum status status)
{
    plan->needed = others;
    for (unsigned i = 0; i < plan->count; i++)
        plan->needed += plan->image[i].size + MKFS_CLUSTER;
    plan->needed_bare = plan->needed;
    if (status)
        flash_plan_free(plan);
    return status;
}

void flash_plan_again(struct flash_plan *plan)
{
    plan->needed = plan->needed_bare;
    for (unsigned i = 0; i < plan->count; i++) {
        plan->image[i].slots = 0;
        plan->image[i].placed = false;
        placement_free(&plan->image[i].placement);
    }
}

enum status flash_plan_add(struct flash_plan *plan, const struct options *options, const char *path,
                           bool writes)
{
    *plan = (struct flash_plan){0};
    struct arena arena = {0};
    enum status status = plan_images(plan, options, &arena);
    if (!status && path)
        status = set_path(plan, 0, volume_path("", 0, path + strspn(path, "\\/")));
    if (!status)
        status = choose_paths(plan, NULL, &arena);
    for (unsigned i = 0; !status && i < plan->count; i++)
        plan->image[i].grows = plan->image[i].grows && writes && !plan->image[i].is_parent;
    arena_close(&arena);
    return flash_plan_finish(plan, 0, status);
}

enum status flash_plan(struct flash_plan *plan, const struct options *options)
{
    *plan = (struct flash_plan){.label = options->label ? options->label : "VHDBOOT"};
    struct arena arena = {0};
    struct config *config = NULL;
    struct fail f;
    enum status status = plan_images(plan, options, &arena);
    if (!status && options->config) {
        status = read_config(plan, options->config);
        config = arena_alloc(&arena, sizeof *config);
        if (!status &&
            config_parse_telling(config, (const uint8_t *)plan->config, (uint32_t)plan->config_size,
                                 &arena, say_complaint, (void *)options->config, &f))
            status = say_fail(&f);
    }
    if (!status)
        status = choose_paths(plan, config, &arena);
    if (!status)
        flash_plan_writers(plan, config);
    if (!status && !options->config)
        status = menu_make(plan);
    arena_close(&arena);
    return flash_plan_finish(plan, plan->config_size + stage2_size() + 2 * MKFS_CLUSTER, status);
}

void flash_plan_free(struct flash_plan *plan)
{
    for (unsigned i = 0; i < plan->count; i++)
        close_image(&plan->image[i]);
    origin_close_all(&plan->origins);
    free(plan->config);
    free(plan->store);
    free(plan->store_at);
    *plan = (struct flash_plan){0};
}

uint64_t flash_plan_default_size(const struct flash_plan *plan)
{
    uint64_t files = plan->needed + plan->needed / 50 + ((uint64_t)64 << 20);
    uint64_t volume = files + mkfs_overhead(files + files / 50);
    return round_up_shift(volume, 20) + ((uint64_t)FLASH_START_LBA << SECTOR_SHIFT);
}
