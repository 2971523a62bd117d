/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fault in stage2 itself ends in a sentence, not in a reboot. */
#ifndef STAGE2_PC_TRAP_H
#define STAGE2_PC_TRAP_H

/* Bytes from one stub of trap_stubs.asm to the next. */
#define TRAP_STUB_SIZE 16

/* Fills in the interrupt descriptor table and marks the end of the stack. */
void trap_init(void);

/* Has the stack grown over its end? Says so and halts. Called between the steps of a boot. */
void trap_check_stack(void);

#endif
