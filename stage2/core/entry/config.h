/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * \vhdboot.cfg: UTF-8 lines, `key = value`, [sections]; # starts a comment. A line that is not
 * understood is remembered with its number and skipped, the rest counts.
 */
#ifndef CORE_ENTRY_CONFIG_H
#define CORE_ENTRY_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"
#include "core/entry/start.h"

struct arena;
struct bcd_level;
struct password;

#define CONFIG_ENTRIES_MAX    32
#define CONFIG_PARENTS_MAX    8
#define CONFIG_COMPLAINTS_MAX 8
#define CONFIG_SIZE_MAX       65536u
#define CONFIG_TIMEOUT_NONE   UINT32_MAX /* timeout = none: wait for ever */
#define CONFIG_TIMEOUT_UNSET  (UINT32_MAX - 1)

/* What becomes of what the guest writes: `write = ...`. */
enum write_mode {
    WRITE_PERSISTENT, /* it goes into the image */
    WRITE_DISCARD,    /* into memory, until power off */
    WRITE_NONE,       /* it is refused */
};

/* Where the menu is shown: `console = ...`. */
enum config_console { CONSOLE_SCREEN, CONSOLE_SERIAL, CONSOLE_BOTH };

struct config_entry {
    const char *name;   /* the section's */
    const char *title;  /* name where none is given */
    const char *vhd;    /* path; never NULL in a config that config_parse returned, but empty where
                         * `start` is something else than an image */
    struct start start; /* `boot = ...` */
    /* Where parents lie that the disk itself does not lead to, in the order to try. */
    const char *parent[CONFIG_PARENTS_MAX];
    unsigned parent_count;
    enum write_mode write;
    bool ram;             /* read into memory before it starts: changes are gone at power off */
    uint64_t discard_max; /* bytes of memory for changes that are not kept; 0: not said */
    bool force;           /* write to a hibernated or unclean volume all the same */
    bool hide;            /* the guest sees no physical hard disk */
    bool quiet;           /* warnings do not hold up the start */
    bool hidden;          /* not listed; started by its name, or as the default */
    const struct password *password; /* asked before it starts; NULL: none of its own */
    bool native; /* via = bootmgr: Windows' boot manager starts it, from the real drive */
    /* From Windows' boot store: what the image lies on; NULL: the entry is of the config, and `vhd`
     * says it all. */
    const struct bcd_level *where;
};

struct config_complaint {
    unsigned line;        /* from 1 */
    const char *sentence; /* "unknown key" … */
    char word[40];        /* the word it is about, cut */
};

struct config {
    uint32_t timeout_seconds;
    unsigned default_entry;    /* index; 0 where `default` is missing or names no section */
    bool default_given;        /* there is a `default` line */
    bool no_windows;           /* windows = no: Windows' boot store is not listed */
    const char *windows_fault; /* why the boot store that is there cannot be listed; NULL: it can */
    enum config_console console;
    unsigned serial_port; /* 1: COM1 */
    uint32_t serial_baud;
    unsigned sections; /* entries of the file's own */
    unsigned count;
    struct config_entry entry[CONFIG_ENTRIES_MAX];
    const struct password *password; /* asked before what is not the default's plain start */
    bool secret;                     /* some line sets a password, be it a good one or not */
    unsigned complaint_count;        /* may exceed CONFIG_COMPLAINTS_MAX: only so many are kept */
    struct config_complaint complaint[CONFIG_COMPLAINTS_MAX];
};

/* Parses `size` bytes of text; strings are copied into `a`. Bad lines are complaints, not failures;
 * fails only with ERR_MEMORY, or ERR_CONFIG for UTF-16. A bad password is one that nothing opens.
 */
MUST_CHECK enum err config_parse(struct config *config, const uint8_t *text, uint32_t size,
                                 struct arena *a, struct fail *f);

/* The password to ask for before this entry starts, `plain`: as it stands in the config, not
 * write-protected or the like by the user's wish; NULL: none. An entry's own stands in place of the
 * whole file's. */
const struct password *config_password(const struct config *config, unsigned entry, bool plain);
/* Takes one complaint, which is gone afterwards. */
typedef void config_tell(void *ctx, const struct config_complaint *complaint);

/* The same, and calls `tell` for every complaint, those too that are not kept. */
MUST_CHECK enum err config_parse_telling(struct config *config, const uint8_t *text, uint32_t size,
                                         struct arena *a, config_tell *tell, void *ctx,
                                         struct fail *f);

#endif
