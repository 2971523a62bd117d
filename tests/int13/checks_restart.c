/* SPDX-License-Identifier: GPL-2.0-or-later */
/* INT 18h and 19h: all that a handler hooked or changed, told before they are executed. After INT
 * 19h the same disk starts again and tells it anew: nothing may be there twice, and what the
 * handler found when it came must be what the first one found. tests/system/int13/test_int13.py
 * compares. */
#include "int13/harness.h"

#define SMAP  0x534d4150u
#define ENTRY (DAP_SEG << 4)

static void say(const char *name, uint32_t value, unsigned digits)
{
    print(" ");
    print(name);
    print(" ");
    print_hex(value, digits);
}

static void say_memory(void)
{
    uint32_t next = 0;

    for (unsigned i = 0; i < 64; i++) { /* ends: so many entries at the most */
        prepare(0, 0);
        regs_in.eax = 0xe820;
        regs_in.ebx = next;
        regs_in.ecx = 20;
        regs_in.edx = SMAP;
        regs_in.es = DAP_SEG;
        regs_in.edi = 0;
        call_int(0x15);
        if (carry())
            break;
        say(";", get32(ENTRY + 4), 2);
        print_hex(get32(ENTRY), 8);
        say("+", get32(ENTRY + 12), 2);
        print_hex(get32(ENTRY + 8), 8);
        say("type", get32(ENTRY + 16), 1);
        next = regs_out.ebx;
        if (!next)
            break;
    }
    prepare(0x8800, 0);
    call_int(0x15);
    say("88h", regs_out.eax, 4);
    prepare(0xe801, 0);
    call_int(0x15);
    say("E801h", regs_out.eax, 4);
    print_hex(regs_out.ebx, 4);
}

void checks_restart(void)
{
    /* Vectors, and what the handler found. */
    static const uint8_t vectors[] = {0x08, 0x13, 0x15, 0x18, 0x19, 0x1c, 0x41, 0x46};
    static const uint8_t found[] = {HEADER(old_int13), HEADER(old_int15), HEADER(old_int18),
                                    HEADER(old_int19), HEADER(old_int41), HEADER(old_int46)};
    uint32_t entry = far_linear(get32(0x13 * 4));

    print("# start: KiB");
    print_hex(get16(0x413), 4);
    say("drives", get8(0x475), 2);
    for (unsigned i = 0; i < sizeof vectors; i++)
        say("INT", (uint32_t)vectors[i], 2), say("=", get32(vectors[i] * 4u), 8);
    for (unsigned i = 0; i < sizeof found; i++)
        say("found", get32(entry + found[i]), 8);
    say("found KiB", get16(entry + HEADER(old_low_kib)), 4);
    say("found drives", get8(entry + HEADER(bios_hd_count)), 2);
    say_memory();
    print("\r\n");
    prepare(0, 0x80);
    call_int(config.finish);
    print("not ok 91 the interrupt came back\r\n");
}
