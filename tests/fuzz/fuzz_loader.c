/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A loader's file: whatever it is, it is refused with a sentence, or all that it is put to lies
 * where nothing else does. The first byte picks its name; boot records and the words of `boot =`
 * come out of the same bytes. */
#include <stdlib.h>
#include <string.h>
#include "core/entry/loader.h"
#include "core/entry/start.h"

#define LOW_END (639u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const uint8_t *data, size_t size, const char *path)
{
    struct loader loader;
    struct fail f = {0};
    if (loader_judge(&loader, (struct view){data, size}, path, &f)) {
        if (!f.sentence || f.err != ERR_UNSUPPORTED)
            abort();
        return;
    }
    if (!loader.name || loader.bytes > size || !loader.sp)
        abort();
    if (loader_room_check(&loader, LOW_END, &f))
        return;
    uint32_t entry = ((uint32_t)loader.cs << 4) + loader.ip;
    uint32_t stack = ((uint32_t)loader.ss << 4) + loader.sp;
    if (loader.address < 0x600 || !range_ok(loader.address, loader.bytes, LOW_END) ||
        entry - loader.address >= size || range_ok(stack - 1 - loader.address, 1, loader.bytes))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"\\x",     "\\bootmgr",    "\\cmldr",       "\\io.sys",
                                        "\\grldr", "\\kernel.sys", "\\freeldr.sys", "\\ntldr"};
    if (size < 1 + SECTOR_SIZE)
        return 0;
    judge(data + 1, size - 1, names[data[0] & 7]);

    uint8_t record[SECTOR_SIZE];
    memcpy(record, data + 1, sizeof record);
    (void)start_wants_first_drive(record);
    start_record_place(record, 0x123456789aull, 0x81);

    struct start start = start_of((const char *)data + 1, data[0] & 31);
    bool numbered = start.kind == START_DISK || start.kind == START_PARTITION;
    if (numbered != (start.number != 0) || (start.kind == START_DISK && start.number > 0x8f))
        abort();
    return 0;
}
