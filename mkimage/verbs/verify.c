/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mkimage verify: a line an image, and whether a difference is one to expect. Only reads. */
#include <stdio.h>
#include "cli/json.h"
#include "cli/options.h"
#include "cli/say.h"
#include "flash/sums.h"
#include "flash/target.h"
#include "flash/verify.h"
#include "verbs/verbs.h"

static void print(void *ctx, const struct verify_image *x)
{
    (void)ctx;
    switch (x->state) {
    case VERIFY_SAME:
        say_out("ok       %s", x->sum->path);
        break;
    case VERIFY_WRITTEN:
        say_out("changed  %s: as expected, %s", x->sum->path, x->why);
        break;
    case VERIFY_DIFFERS:
        say_out("DIFFERS  %s: and nothing that is known writes to it", x->sum->path);
        break;
    case VERIFY_GONE:
        say_out("GONE     %s", x->sum->path);
        break;
    case VERIFY_UNREAD:
        say_out("UNREAD   %s", x->sum->path);
        break;
    }
}

static void print_json(void *ctx, const struct verify_image *x)
{
    static const char *const states[] = {[VERIFY_SAME] = "same",
                                         [VERIFY_WRITTEN] = "changed",
                                         [VERIFY_DIFFERS] = "differs",
                                         [VERIFY_GONE] = "gone",
                                         [VERIFY_UNREAD] = "unread"};
    char hex[SHA256_HEX + 1];
    (void)ctx;
    sha256_text(x->sum->digest, hex);
    json_object(NULL);
    json_string("path", x->sum->path);
    json_string("sha256", hex);
    json_string("state", states[x->state]);
    json_bool("ok", x->state == VERIFY_SAME || x->state == VERIFY_WRITTEN);
    json_string("why", x->why);
    json_end();
}

static enum status answer(const struct target *t, const struct verify_counts *c)
{
    if (!c->images)
        return say_error("Sums are kept by flash, add and replace.",
                         "%s: there is no \\vhdboot.sum with the sum of an image", t->device.path);
    if (c->wrong)
        return say_error("Put the image there again (mkimage replace), and try another drive.",
                         "%s: %zu of %zu images %s not what was written", t->device.path, c->wrong,
                         c->images, c->wrong == 1 ? "is" : "are");
    return STATUS_OK;
}

enum status verb_verify(const struct options *options)
{
    struct target t;
    struct verify_counts counts;
    enum status status = target_open(&t, options->argument[0], options->partition);
    if (status)
        return status;
    if (options->json) {
        json_object(NULL);
        json_array("images");
    }
    status = verify_images(&t, options->json ? print_json : print, NULL, &counts);
    if (options->json)
        json_end();
    if (!status)
        status = answer(&t, &counts);
    if (options->json) {
        json_bool("ok", !status);
        json_end();
    } else if (!status) {
        say_out("%zu image%s: %zu the same, %zu changed as expected", counts.images,
                counts.images == 1 ? "" : "s", counts.same, counts.written);
    }
    target_close(&t);
    return status;
}
