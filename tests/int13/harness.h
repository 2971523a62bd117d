/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the checks of the conformance program stand on: calls, far memory, the report on COM1. */
#ifndef INT13_HARNESS_H
#define INT13_HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include "resident/resident_abi.h"

/* What the disk's maker tells; at offset 16 of the program, tests/int13/disk.py has the same. */
struct config {
    uint32_t magic;         /* 0x00 */
    uint32_t sectors;       /* 0x04: of the disk */
    uint32_t seed;          /* 0x08: of its pattern, from pattern_start on */
    uint32_t pattern_start; /* 0x0c */
    uint32_t scratch;       /* 0x10: 256 sectors that the checks write to */
    uint32_t no_write;      /* 0x14: a sector that refuses writes, or 0 */
    struct other {
        uint32_t sectors; /* 0x18: of another drive, or 0 */
        uint32_t seed;    /* 0x1c: its pattern, from `start` on */
        uint32_t start;   /* 0x20 */
        uint32_t scratch; /* 0x24: a sector of it that the checks write to, or 0 */
    } other[2];
    uint16_t cylinders;      /* 0x38: geometry, or 0 where any is right */
    uint8_t heads, spt;      /* 0x3a */
    uint8_t write_protected; /* 0x3c: the whole disk */
    uint8_t hooked;          /* 0x3d: a handler is expected that moved the drives */
    uint8_t modes;           /* 0x3e: MODE_x: what is to run */
    uint8_t rounds;          /* 0x3f: random reads, in tens; 0: 1000 reads */
    uint32_t hidden[2];      /* 0x40: memory that INT 15h must not report; 0, 0: none */
    struct {
        uint32_t lba, count;
    } zero[8];         /* 0x48: where the pattern is zero */
    uint32_t bad;      /* 0x88: a sector that the drive below cannot read, or 0 */
    uint8_t finish;    /* 0x8c: the interrupt that ends the program: 18h, 19h, or 0 */
    uint8_t number[2]; /* 0x8d: of other[] */
    uint8_t hide;      /* 0x8f: no other hard disk may be seen */
    uint16_t code_end; /* 0x90: of the handler in its segment: its code ends here; or 0 */
};

#define MODE_REAL   1u
#define MODE_V86    2u
#define MODE_MEMORY 4u  /* all memory is tested */
#define MODE_BRIEF  8u  /* fewer of what takes long: for slow drives */
#define MODE_SHY    16u /* the BIOS below cannot be called in virtual-8086 mode: errors are right */

struct regs {
    uint32_t eax, ebx, ecx, edx, esi, edi, ebp;
    uint16_t ds, es, fs, gs;
    uint32_t flags, esp;
};

#define CF      0x0001u
#define IF      0x0200u
#define DF      0x0400u

/* Outputs of a call, which may change; everything else must be kept. AH is always an output. */
#define OUT_AL  1u
#define OUT_BX  2u
#define OUT_CX  4u
#define OUT_DX  8u
#define OUT_DI  16u

/* Memory for transfers: segment BUF is 64 KiB, below it another 64 KiB. */
#define BUF     0x4000u
#define BUF_LOW 0x3000u
#define DAP_SEG 0x2f00u

extern struct config config;
extern struct regs regs_in, regs_out;
extern uint16_t entry_state[8]; /* SS, SP, FLAGS, ES, DI, DX, CS, DS */
extern uint32_t call_stack;
void __attribute__((regparm(1))) call_int(uint32_t vector);

/* The monitor of v86/monitor.asm: into virtual-8086 mode, its services there, its memory test in
 * real mode. */
enum { V86_LEAVE, V86_BLOCK_MOVE, V86_COUNTS, V86_REMAP, V86_VDS, V86_SHOW_CR0 };
void v86_enter(void);
void v86_call(uint32_t function, uint32_t argument);
struct memory_step {
    uint32_t compare, write; /* every dword with this, then it becomes that */
    uint8_t how;             /* MEMORY_x of v86/monitor.asm */
};
bool memory_call(const struct memory_step *step, uint32_t start, uint32_t end);

uint8_t get8(uint32_t linear);
uint16_t get16(uint32_t linear);
uint32_t get32(uint32_t linear);
void set8(uint32_t linear, uint8_t value);
void set16(uint32_t linear, uint16_t value);
void set32(uint32_t linear, uint32_t value);
void fill(uint32_t linear, uint8_t value, uint32_t size);
bool filled(uint32_t linear, uint8_t value, uint32_t size);

/* Registers with magic numbers in all high halves, IF set, then AX and DX. */
void prepare(uint16_t ax, uint16_t dx);

/* Calls; notes whether everything but `outputs` was kept. Returns AH. */
uint8_t call(uint8_t vector, unsigned outputs);

/* INT 13h, DL = `drive`. */
uint8_t chs_call(uint8_t ah, uint8_t drive, uint32_t lba, uint8_t count, uint32_t buffer);
void edd_prepare(uint16_t ax, uint8_t drive, uint64_t lba, uint16_t count, uint32_t buffer);
uint8_t edd_call(uint16_t ax, uint8_t drive, uint64_t lba, uint16_t count, uint32_t buffer);
uint16_t dap_count(void);
static inline bool carry(void)
{
    return regs_out.flags & CF;
}

/* Is this sector's pattern at `linear`? */
bool sector_right(uint32_t linear, uint32_t lba);
bool sectors_right(uint32_t linear, uint32_t lba, uint32_t count);
bool other_right(const struct other *drive, uint32_t linear, uint32_t lba);

/* The handler's code, where it is known. */
uint32_t handler_sum(void);

/* A field of the handler's header, from its entry on. */
#define HEADER(field) offsetof(struct resident_header, field)

/* Where a far pointer points. */
static inline uint32_t far_linear(uint32_t pointer)
{
    return (pointer >> 16 << 4) + (pointer & 0xffff);
}

/* One line of the report; also not ok where a call since the last report changed too much. */
void report(const char *name, bool ok);
void skip(const char *name, const char *why);
void print(const char *text);
void print_hex(uint32_t value, unsigned digits);

/* Are we in virtual-8086 mode? */
extern bool v86;

/* Geometry as AH=08h told. */
extern uint32_t heads, spt, cylinders;

void checks_basic(void);
void checks_chs(void);
void checks_edd(void);
void checks_stray(void);
void checks_drives(void);
void checks_memory(void);
void checks_load(void);
void checks_nested(void);
void checks_restart(void);
void checks_error(void);
void checks_all_memory(void);
void checks_v86(void);
void checks_shy(void);

#endif
