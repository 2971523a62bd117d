/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks on standard error, reads a line of standard input; anything but yes is a no. */
#include "host/confirm.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "host/drive_info.h"

bool confirm_possible(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static enum status ask(const char *question)
{
    char line[64] = "";
    fprintf(stderr, "%s Type yes: ", question);
    fflush(stderr);
    if (!fgets(line, sizeof line, stdin))
        fputc('\n', stderr);
    line[strcspn(line, "\n")] = '\0';
    return strcmp(line, "yes") != 0 ? say_error("Nothing was written.", "the answer was not yes")
                                    : STATUS_OK;
}

/* What is built in is a machine's own disk, as a rule. */
static enum status check_removable(const struct drive_info *info, const char *path,
                                   const struct options *options)
{
    if (!info->is_drive || info->removable || options->force)
        return STATUS_OK;
    return say_error("Say --force if you mean it.",
                     "%s: cannot be taken out of this machine (%s%s%s), so it may be a disk of its "
                     "own",
                     path, *info->model ? info->model : "no model known", *info->bus ? ", " : "",
                     info->bus);
}

enum status confirm_overwrite(const char *const *path, unsigned count,
                              const struct options *options)
{
    static struct drive_info info;
    bool asks = !options->yes && !options->dry_run;
    for (unsigned i = 0; i < count; i++) {
        if (!drive_info_read(&info, path[i]))
            continue; /* opening it for writing will say why */
        enum status status = check_removable(&info, path[i], options);
        if (status)
            return status;
        if (!options->yes || options->dry_run)
            drive_info_say(&info, path[i]);
    }
    if (!asks)
        return STATUS_OK;
    return ask(count == 1 ? "All that is on it will be lost."
                          : "All that is on these devices will be lost.");
}

enum status confirm_write(const char *path, const struct options *options)
{
    static struct drive_info info;
    if (options->yes || options->dry_run)
        return STATUS_OK;
    if (!confirm_possible())
        return say_error("Say --yes if you mean it.", "%s: is a block device", path);
    if (drive_info_read(&info, path))
        drive_info_say(&info, path);
    return ask("It will be changed; what is said above stays.");
}
