/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mkimage vhd info, read, check: an image on the host, or on TARGET's volume. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cli/bytes.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/say.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/image.h"
#include "core/map/format.h"
#include "core/map/map.h"
#include "core/vhd/format.h"
#include "core/vhd/vhd.h"
#include "flash/source.h"
#include "host/files.h"
#include "image/sectors.h"
#include "image/slack.h"
#include "verbs/verbs.h"

/* A child notes down when its parent was changed last: some programs by the footer, others by the
 * file. Where neither agrees, the parent may have been written since, and nobody can say. */
static void look_at_times(struct source *s)
{
    for (unsigned i = 0; i + 1 < s->chain.count; i++) {
        struct image *child = &s->chain.link[i]->image;
        const struct image *parent = &s->chain.link[i + 1]->image;
        if (!child->parent_timestamp || child->parent_timestamp == parent->timestamp)
            continue;
        const struct hostfile *host = s->chain.link[i + 1]->file.ctx;
        struct stat st;
        if (!s->on_volume && !fstat(host->fd, &st) &&
            (uint64_t)st.st_mtime - VHD_EPOCH == child->parent_timestamp)
            continue;
        notes_add(&child->notes,
                  "its parent's time is not the one noted down when this disk was made: has the "
                  "parent been written since?",
                  0);
    }
}

/* What takes more than opening to find out: counts, overlaps, bitmaps, times. */
static enum err look_closely(struct source *s, unsigned index, struct fail *f)
{
    struct image *image = &s->chain.link[index]->image;
    enum err err = image->check ? image->check(image, &s->arena, f) : ERR_OK;
    if (!err)
        err = vhd_bitmap_check(image, &s->arena, f);
    return err;
}

/* Calls `each` for every note of every image. */
static void each_warning(const struct source *s, void (*each)(const char *text))
{
    for (unsigned i = 0; i < s->chain.count; i++) {
        const struct notes *notes = &s->chain.link[i]->image.notes;
        for (unsigned k = 0; k < notes->count; k++) {
            char note[256], *text;
            notes_format(notes, k, note, sizeof note);
            if (asprintf(&text, "%s%s%s", s->chain.count > 1 ? source_link_name(s, i) : "",
                         s->chain.count > 1 ? ": " : "", note) < 0)
                exit(say_no_memory());
            each(text);
            free(text);
        }
    }
}

static void warning_json(const char *text)
{
    json_string(NULL, text);
}

static void warning_text(const char *text)
{
    say_out("warning: %s", text);
}

static const char *const formats[] = {
    [IMAGE_VHD] = "vhd", [IMAGE_VHDX] = "vhdx", [IMAGE_RAW] = "raw"};
static const char *const kinds[] = {
    [IMAGE_FIXED] = "fixed", [IMAGE_DYNAMIC] = "dynamic", [IMAGE_DIFFERENCING] = "differencing"};

/* The id's bytes as they lie in the file. */
static const char *id_text(const struct image *image, char text[33])
{
    for (unsigned i = 0; i < sizeof image->id; i++)
        sprintf(text + 2 * i, "%02x", image->id[i]);
    return text;
}

/* `slack` is the leaf's, NULL where it gets no new blocks. */
static void info_json(const struct source *s, const struct slack *slack)
{
    const struct image *leaf = &s->chain.link[0]->image;
    json_object(NULL);
    json_string("format", formats[leaf->format]);
    json_string("kind", kinds[leaf->kind]);
    json_number("size", leaf->sectors << SECTOR_SHIFT);
    json_number("block_size", leaf->block_size);
    json_number("allocated", leaf->allocated);
    if (slack)
        json_number("slack", (uint64_t)slack_left(slack) * leaf->block_size);
    else
        json_null("slack");
    json_string("creator", leaf->creator);
    if (leaf->format == IMAGE_VHD) {
        json_array("geometry");
        json_number(NULL, leaf->cylinders);
        json_number(NULL, leaf->heads);
        json_number(NULL, leaf->track_sectors);
        json_end();
    }
    json_array("ids");
    for (unsigned i = 0; i < s->chain.count; i++) {
        char id[33];
        const struct image *image = &s->chain.link[i]->image;
        if (image->format == IMAGE_RAW)
            json_null(NULL);
        else
            json_string(NULL, id_text(image, id));
    }
    json_end();
    json_array("chain");
    for (unsigned i = 0; i < s->chain.count; i++)
        json_string(NULL, source_link_name(s, i));
    json_end();
    json_array("warnings");
    each_warning(s, warning_json);
    json_end();
    json_end();
}

/* One image of the chain; `slack` is NULL where it gets no new blocks. */
static void print_image(const char *name, const struct image *image, const struct slack *slack)
{
    char blocks[80] = "", room[80] = "", creator[40] = "", geometry[60] = "", hex[33], id[40] = "";
    if (image->block_size)
        snprintf(blocks, sizeof blocks, ", blocks of %s, %s stored", bytes_text(image->block_size),
                 bytes_text(image->allocated));
    if (slack && slack->absent)
        snprintf(room, sizeof room, ", slack for %s", slack_text(slack, slack_left(slack)));
    if (image->creator[0])
        snprintf(creator, sizeof creator, ", made by \"%.8s\"", image->creator);
    if (image->format == IMAGE_VHD)
        snprintf(geometry, sizeof geometry, ", geometry %u/%u/%u", image->cylinders, image->heads,
                 image->track_sectors);
    if (image->format != IMAGE_RAW)
        snprintf(id, sizeof id, ", id %s", id_text(image, hex));
    say_out("%s: %s, %s%s%s%s%s%s", name, image_kind_name(image),
            bytes_text(image->sectors << SECTOR_SHIFT), blocks, room, creator, geometry, id);
}

static void info_text(const struct source *s, const struct slack *slack)
{
    for (unsigned i = 0; i < s->chain.count; i++)
        print_image(source_link_name(s, i), &s->chain.link[i]->image, i ? NULL : slack);
    each_warning(s, warning_text);
}

static enum status open_source(struct source *s, const struct options *options)
{
    struct source_disks disks = {options->partition, options->drive, options->drives};
    return source_open(s, options->argument[0], &disks);
}

enum status verb_vhd_info(const struct options *options)
{
    struct source s;
    enum status status = open_source(&s, options);
    if (status)
        return status;
    for (unsigned i = 0; i < s.chain.count; i++) {
        struct fail f;
        if (look_closely(&s, i, &f)) {
            status = say_fail(&f);
            source_close(&s);
            return status;
        }
    }
    struct image *leaf = &s.chain.link[0]->image;
    struct fail none;
    struct slack slack;
    bool grows = slack_grows(leaf) && !slack_find(&slack, leaf, &s.arena, &none);
    look_at_times(&s);
    if (options->json)
        info_json(&s, grows ? &slack : NULL);
    else
        info_text(&s, grows ? &slack : NULL);
    source_close(&s);
    return STATUS_OK;
}

enum status verb_vhd_read(const struct options *options)
{
    struct source s;
    enum status status = open_source(&s, options);
    if (status)
        return status;
    struct map map;
    struct fail f;
    struct blk *drive[MAP_DRIVES_MAX];
    source_drives(&s, drive);
    if (map_build(&map, &s.chain, &(struct map_writes){0}, &s.arena, &f))
        status = say_fail(&f);
    else
        status = sectors_write(s.name, &map, drive, options);
    source_close(&s);
    return status;
}

/* What is there twice was good only once: the image reads right, but the next fault takes all. */
static enum status say_damage(const char *name, const struct image *image)
{
    struct fail f;
    if (!image->damaged)
        return STATUS_OK;
    (void)fail(&f, ERR_IMAGE, image->damage.sentence, image->damage.value);
    (void)fail_subject(&f, name);
    return say_fail(&f);
}

enum status verb_vhd_check(const struct options *options)
{
    struct source s;
    enum status status = open_source(&s, options);
    if (status)
        return status;
    for (unsigned i = 0; i < s.chain.count; i++) {
        struct fail f;
        if (look_closely(&s, i, &f)) {
            (void)fail_subject(&f, source_link_name(&s, i));
            status = say_fail(&f);
        }
    }
    look_at_times(&s);
    each_warning(&s, warning_text);
    for (unsigned i = 0; !status && i < s.chain.count; i++)
        status = say_damage(source_link_name(&s, i), &s.chain.link[i]->image);
    if (!status)
        say_out("%s: %s, clean", s.name, image_kind_name(&s.chain.link[0]->image));
    source_close(&s);
    return status;
}
