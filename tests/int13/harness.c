/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls with all registers watched, far memory, and the report, a character at a time on COM1. */
#include "int13/harness.h"
#include "layout.h"

#define COM1 0x3f8

uint32_t heads, spt, cylinders;
static bool changed; /* a call changed what it must keep */
static unsigned passed, failed, skipped;
static const char *changed_what;
static uint32_t changed_ax;
bool v86;

static inline void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "d"(port));
}

static inline uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "d"(port));
    return value;
}

#define FAR(bits, suffix)                                                                          \
    uint##bits##_t get##bits(uint32_t linear)                                                      \
    {                                                                                              \
        uint##bits##_t value;                                                                      \
        __asm__ volatile("movw %w1, %%fs\n\tmov" suffix " %%fs:(%2), %0"                           \
                         : "=q"(value)                                                             \
                         : "r"(linear >> 4), "r"(linear & 15)                                      \
                         : "memory");                                                              \
        return value;                                                                              \
    }                                                                                              \
    void set##bits(uint32_t linear, uint##bits##_t value)                                          \
    {                                                                                              \
        __asm__ volatile("movw %w0, %%fs\n\tmov" suffix " %2, %%fs:(%1)"                           \
                         :                                                                         \
                         : "r"(linear >> 4), "r"(linear & 15), "q"(value)                          \
                         : "memory");                                                              \
    }

FAR(8, "b")
FAR(16, "w")
FAR(32, "l")

/* At most 32 KiB at a time, so that no offset wraps. */
#define STRETCH 0x8000u

void fill(uint32_t linear, uint8_t value, uint32_t size)
{
    while (size) {
        uint32_t n = size < STRETCH ? size : STRETCH;
        uint32_t to = linear & 15, count = n;
        __asm__ volatile("pushw %%es\n\tmovw %w2, %%es\n\taddr32 rep stosb\n\tpopw %%es"
                         : "+D"(to), "+c"(count)
                         : "r"(linear >> 4), "a"(value)
                         : "memory");
        linear += n;
        size -= n;
    }
}

bool filled(uint32_t linear, uint8_t value, uint32_t size)
{
    while (size) {
        uint32_t n = size < STRETCH ? size : STRETCH;
        uint32_t at = linear & 15, count = n;
        uint8_t same;
        __asm__ volatile("pushw %%es\n\tmovw %w3, %%es\n\taddr32 repe scasb\n\tpopw %%es\n\tsete %2"
                         : "+D"(at), "+c"(count), "=q"(same)
                         : "r"(linear >> 4), "a"(value)
                         : "memory", "cc");
        if (!same)
            return false;
        linear += n;
        size -= n;
    }
    return true;
}

/* A sector copied to where C can look at it. */
static const uint32_t *sector_get(uint32_t linear)
{
    static uint32_t sector[128];
    uint32_t from = linear & 15, to = (uint32_t)sector, count = 128;
    __asm__ volatile("movw %w3, %%fs\n\taddr32 rep movsl %%fs:(%%esi), %%es:(%%edi)"
                     : "+S"(from), "+D"(to), "+c"(count)
                     : "r"(linear >> 4)
                     : "memory");
    return sector;
}

static void print_char(char c)
{
    while (!(in8(COM1 + 5) & 0x20))
        ;
    out8(COM1, (uint8_t)c);
}

void print(const char *text)
{
    while (*text)
        print_char(*text++);
}

void print_hex(uint32_t value, unsigned digits)
{
    while (digits--)
        print_char("0123456789abcdef"[value >> digits * 4 & 15]);
}

static void print_number(unsigned value)
{
    if (value >= 10)
        print_number(value / 10);
    print_char((char)('0' + value % 10));
}

void report(const char *name, bool ok)
{
    bool right = ok;
    if (changed)
        ok = false;
    ok ? passed++ : failed++;
    print(ok ? "ok " : "not ok ");
    print(v86 ? "v86: " : "");
    print(name);
    print("\r\n");
    if (!ok) {
        print("#   last AX=");
        print_hex(regs_out.eax, 4);
        print(" flags=");
        print_hex(regs_out.flags, 4);
        if (changed) {
            print(right ? " only changed: " : " changed: ");
            print(changed_what);
            print(" by AX=");
            print_hex(changed_ax, 4);
        }
        print("\r\n");
    }
    changed = false;
}

void skip(const char *name, const char *why)
{
    skipped++;
    print("skip ");
    print(v86 ? "v86: " : "");
    print(name);
    print(": ");
    print(why);
    print("\r\n");
    changed = false;
}

void prepare(uint16_t ax, uint16_t dx)
{
    regs_in.eax = 0xa1b20000 | ax;
    regs_in.ebx = 0xb1b2b3b4;
    regs_in.ecx = 0xc1c2c3c4;
    regs_in.edx = 0xd1d20000 | dx;
    regs_in.esi = 0x51525354;
    regs_in.edi = 0x61626364;
    regs_in.ebp = 0x71727374;
    regs_in.ds = DAP_SEG;
    regs_in.es = BUF;
    regs_in.fs = 0x1234;
    regs_in.gs = 0x5678;
    regs_in.flags = IF;
}

static void must_keep(const char *what, uint32_t before, uint32_t after, uint32_t mask)
{
    if ((before ^ after) & mask && !changed) {
        changed = true;
        changed_what = what;
        changed_ax = regs_in.eax;
    }
}

uint8_t call(uint8_t vector, unsigned outputs)
{
    const struct regs *a = &regs_in, *b = &regs_out;

    call_int(vector);
    must_keep("EAX", a->eax, b->eax, outputs & OUT_AL ? 0xffff0000 : 0xffff00ff);
    must_keep("EBX", a->ebx, b->ebx, outputs & OUT_BX ? 0xffff0000 : 0xffffffff);
    must_keep("ECX", a->ecx, b->ecx, outputs & OUT_CX ? 0xffff0000 : 0xffffffff);
    must_keep("EDX", a->edx, b->edx, outputs & OUT_DX ? 0xffff0000 : 0xffffffff);
    must_keep("ESI", a->esi, b->esi, 0xffffffff);
    must_keep("EDI", a->edi, b->edi, outputs & OUT_DI ? 0xffff0000 : 0xffffffff);
    must_keep("EBP", a->ebp, b->ebp, 0xffffffff);
    must_keep("ESP", a->esp, b->esp, 0xffffffff);
    must_keep("DS", a->ds, b->ds, 0xffff);
    must_keep("ES", a->es, b->es, 0xffff);
    must_keep("FS", a->fs, b->fs, 0xffff);
    must_keep("GS", a->gs, b->gs, 0xffff);
    must_keep("IF or DF", a->flags, b->flags, IF | DF);
    return (uint8_t)(b->eax >> 8);
}

uint8_t chs_call(uint8_t ah, uint8_t drive, uint32_t lba, uint8_t count, uint32_t buffer)
{
    uint32_t track = lba / spt;
    uint32_t cylinder = track / heads;

    prepare((uint16_t)(ah << 8 | count), drive);
    regs_in.edx |= track % heads << 8;
    regs_in.ecx = 0xc1c20000 | (cylinder & 0xff) << 8 | cylinder >> 8 << 6 | (lba % spt + 1);
    regs_in.es = (uint16_t)(buffer >> 4);
    regs_in.ebx = 0xb1b20000 | (buffer & 15);
    return call(0x13, OUT_AL);
}

void edd_prepare(uint16_t ax, uint8_t drive, uint64_t lba, uint16_t count, uint32_t buffer)
{
    uint32_t dap = DAP_SEG << 4;

    prepare(ax, drive);
    set16(dap, 16);
    set16(dap + 2, count);
    set16(dap + 4, buffer & 15);
    set16(dap + 6, (uint16_t)(buffer >> 4));
    set32(dap + 8, (uint32_t)lba);
    set32(dap + 12, (uint32_t)(lba >> 32));
    regs_in.esi = 0x51520000;
}

uint8_t edd_call(uint16_t ax, uint8_t drive, uint64_t lba, uint16_t count, uint32_t buffer)
{
    edd_prepare(ax, drive, lba, count, buffer);
    return call(0x13, 0);
}

uint16_t dap_count(void)
{
    return get16((DAP_SEG << 4) + 2);
}

static bool pattern_right(uint32_t linear, uint32_t lba, uint32_t seed)
{
    const uint32_t *sector = sector_get(linear);
    for (unsigned i = 0; i < 126; i += 2)
        if (sector[i] != lba || sector[i + 1] != (seed ^ ~lba))
            return false;
    return sector[126] == 0x5a5a5a5a && sector[127] == lba;
}

bool sector_right(uint32_t linear, uint32_t lba)
{
    for (unsigned i = 0; i < 8; i++)
        if (lba - config.zero[i].lba < config.zero[i].count)
            return filled(linear, 0, 512);
    return pattern_right(linear, lba, config.seed);
}

bool sectors_right(uint32_t linear, uint32_t lba, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!sector_right(linear + i * 512, lba + i))
            return false;
    return true;
}

bool other_right(const struct other *drive, uint32_t linear, uint32_t lba)
{
    return pattern_right(linear, lba, drive->seed);
}

/* From the header's end, which the handler changes, to the code's. */
uint32_t handler_sum(void)
{
    uint32_t entry = far_linear(get32(0x13 * 4)), sum = 0;

    for (uint32_t at = RESIDENT_HEADER + sizeof(struct resident_header); at + 4 <= config.code_end;
         at += 4)
        sum = (sum << 5 | sum >> 27) ^ get32((entry & ~0x3ffu) + at);
    return sum;
}

static void learn_geometry(void)
{
    prepare(0x0800, 0x80);
    call(0x13, OUT_AL | OUT_CX | OUT_DX | OUT_BX | OUT_DI);
    changed = false;
    heads = (regs_out.edx >> 8 & 0xff) + 1;
    spt = regs_out.ecx & 0x3f ? regs_out.ecx & 0x3f : 1;
    cylinders = ((regs_out.ecx >> 8 & 0xff) | (regs_out.ecx & 0xc0) << 2) + 1;
    print("\r\n# drives ");
    print_number(get8(0x475));
    print("\r\n# geometry ");
    print_number(cylinders);
    print("/");
    print_number(heads);
    print("/");
    print_number(spt);
    print("\r\n");
}

static void say_end(const char *mode)
{
    print("# end ");
    print(mode);
    print(": ");
    print_number(passed);
    print(" passed, ");
    print_number(failed);
    print(" failed, ");
    print_number(skipped);
    print(" skipped\r\n");
    passed = failed = skipped = 0;
}

static void checks_both(void)
{
    learn_geometry();
    checks_basic();
    checks_chs();
    checks_edd();
    checks_drives();
    checks_memory();
    checks_load();
    checks_nested();
    checks_error();
}

void program_main(void);
void program_main(void)
{
    out8(COM1 + 3, 3); /* 8 data bits: Bochs' port starts with 5, and its BIOS leaves it so */
    if (config.modes & MODE_REAL) {
        checks_both();
        if (config.modes & MODE_MEMORY)
            checks_all_memory();
        checks_stray();
        say_end("real");
    }
    if (config.modes & MODE_V86) {
        v86_enter();
        v86 = true;
        if (config.modes & MODE_SHY) {
            learn_geometry();
            checks_shy();
        } else {
            checks_both();
            checks_v86();
            checks_stray();
        }
        say_end("v86");
        v86_call(V86_LEAVE, 0);
        v86 = false;
    }
    if (config.finish)
        checks_restart();
    print("# end of all\r\n");
}
