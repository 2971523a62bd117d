# SPDX-License-Identifier: GPL-2.0-or-later
# The INT 13h conformance program: build/int13/boot.bin is LBA 0 of its disk, program.bin follows.

INT13_DIR    := $(B)/int13
INT13_CFLAGS := $(CSTD) $(WARNINGS) -Istage2 -Itests -ffreestanding -nostdinc -MMD -MP \
    -isystem $(shell $(CC) -print-file-name=include) \
    -m16 -march=i386 -Os -mgeneral-regs-only -mregparm=3 -fno-pic -fno-pie -fno-stack-protector \
    -fno-asynchronous-unwind-tables -fno-strict-aliasing -fno-jump-tables -fno-tree-loop-distribute-patterns
INT13_OBJ    := $(patsubst tests/int13/%.c,$(INT13_DIR)/%.o,$(wildcard tests/int13/*.c)) \
    $(INT13_DIR)/start.o

$(INT13_DIR)/%.o: tests/int13/%.c
	@mkdir -p $(@D)
	$(call run,CC16)$(CC) $(INT13_CFLAGS) -c $< -o $@

$(INT13_DIR)/start.o: tests/int13/start.asm
	@mkdir -p $(@D)
	$(call run,NASM)$(NASM) -f elf32 $< -o $@

$(INT13_DIR)/program.bin: tests/int13/program.ld $(INT13_OBJ)
	$(call run,LD)ld -m elf_i386 -z noexecstack --no-warn-rwx-segments -T $< $(INT13_OBJ) -o $(@:.bin=.elf)
	@objcopy -O binary -j .image $(@:.bin=.elf) $@

$(INT13_DIR)/%.bin: tests/int13/%.asm $(B)/layout.inc $(B)/resident/offsets.inc
	@mkdir -p $(@D)
	$(call run,NASM)$(NASM) -f bin -I $(B) -I $(<D)/ $< -o $@

$(INT13_DIR)/v86/monitor.bin: tests/int13/v86/faults.inc tests/int13/v86/vds.inc

INT13_FILES := $(INT13_DIR)/program.bin $(INT13_DIR)/v86/monitor.bin $(INT13_DIR)/boot.bin $(INT13_DIR)/loader.bin \
    $(INT13_DIR)/count.bin $(B)/resident.bin
CHECK_FILES += $(INT13_FILES)

.PHONY: int13 int13-table
int13: $(INT13_FILES)

# The table of what passes the program, vhdboot and others; table.py names the document that has it.
#? make int13-table  the table of docs/INT13.md, anew
int13-table: all $(INT13_FILES)
	@tests/int13/table.py
