# SPDX-License-Identifier: GPL-2.0-or-later
# build/resident.bin, the INT 13h handler that stays in memory; build/resident_vhdx.bin, the one for
# VHDXs that get new blocks; and build/resident/image.o, which embeds them: resident_image ..
# resident_image_end, resident_vhdx .. resident_vhdx_end.

RESIDENT_CFLAGS = $(CSTD) $(WARNINGS) $(INCLUDES) -Istage2/resident -ffreestanding -nostdinc \
    -isystem $(shell $(CC) -print-file-name=include) -MMD -MP \
    -m16 -march=i386 -mtune=geode -Oz -mregparm=3 -mgeneral-regs-only -mpreferred-stack-boundary=2 \
    -fomit-frame-pointer -fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables \
    -malign-data=abi -fno-jump-tables -fno-ipa-sra -fno-strict-aliasing -falign-functions=1 -falign-loops=1 -falign-jumps=1 \
    -falign-labels=1 $(RESIDENT_SMALLER)

# Found by trying: each makes the code smaller, together by 6 %.
RESIDENT_SMALLER := -fwhole-program -fno-tree-vrp -fno-tree-forwprop -fno-tree-tail-merge -fno-caller-saves \
    -flive-range-shrinkage -fno-move-loop-invariants -fno-thread-jumps
# Else functions with 64-bit values keep a frame pointer, in case the stack had to be aligned for
# them. It never has to be: no instruction of a 386 wants that.
RESIDENT_SMALLER += -mincoming-stack-boundary=3

RESIDENT_OBJ := entry int15 $(addprefix machine/,bios vds drive memory extended a20)
RESIDENT_OBJ := $(RESIDENT_OBJ:%=$(B)/resident/%.o)

all: $(B)/resident.bin $(B)/resident_vhdx.bin

# The flag, here and not there: reads take an instruction or three less.
$(B)/resident/handler_vhdx.s: RESIDENT_FACE := -DRESIDENT_VHDX -fno-split-wide-types
$(B)/resident/handler_vhdx.s: stage2/resident/handler.c stage2/resident/resident.mk
	@mkdir -p $(@D)
	$(call run,CC16)$(RESIDENT_CC)

# With plain .code16 in place of GCC's .code16gcc, calls push 16-bit return addresses: shorter, and
# right as long as all arguments travel in registers, which at most three words do.
RESIDENT_CC = $(CC) $(RESIDENT_CFLAGS) $(RESIDENT_FACE) -MT $@ -MF $(@:.s=.d) -S $< -o - | \
    sed 's/\.code16gcc/.code16/; s/call\t\*%e/call\t*%/' > $@

$(B)/resident/%.s: stage2/resident/%.c stage2/resident/resident.mk
	@mkdir -p $(@D)
	$(call run,CC16)$(RESIDENT_CC)

$(B)/resident/%.o: $(B)/resident/%.s
	$(call run,AS)as --32 $< -o $@

# Offsets of C structs for NASM: made from what the compiler says, never typed.
$(B)/resident/offsets.inc: stage2/resident/offsets.c stage2/resident/resident.mk
	@mkdir -p $(@D)
	$(call run,OFFS)$(CC) $(filter-out -MMD -MP -fwhole-program,$(RESIDENT_CFLAGS)) -Wno-missing-prototypes \
	    -MD -MP -MT $@ -MF $(@:.inc=.d) -S $< -o $(@:.inc=.s)
	@sed -n 's/^\s*#\([A-Za-z0-9_]* [0-9]*\)$$/%define \1/p' $(@:.inc=.s) > $@

$(B)/resident/%.o: stage2/resident/%.asm $(B)/resident/offsets.inc $(B)/bda.inc stage2/resident/resident.mk
	@mkdir -p $(@D)
	$(call run,NASM)$(NASM) -f elf32 -I $(B) -I stage2/resident -MD $(@:.o=.d) $< -o $@

$(B)/resident/resident.lds: stage2/resident/resident.ld stage2/layout.h
	@mkdir -p $(@D)
	$(call run,CPP)$(CC) -E -P -x c $(INCLUDES) $< -o $@

$(B)/resident.elf: $(B)/resident/handler.o
$(B)/resident_vhdx.elf: $(B)/resident/handler_vhdx.o
$(B)/resident.elf $(B)/resident_vhdx.elf: $(B)/resident/resident.lds $(RESIDENT_OBJ)
	$(call run,LD)ld -m elf_i386 -z noexecstack --no-warn-rwx-segments -T $< $(filter %.o,$^) -o $@

# The binary is the segment's memory from RESIDENT_HEADER on.
$(B)/resident.bin $(B)/resident_vhdx.bin: $(B)/%.bin: $(B)/%.elf
	$(call run,BIN)objcopy -O binary -j .image $< $@
	@symbol() { nm $< | sed -n "s/ . $$1$$//p"; }; \
	    printf '  %s: %d bytes: %d code and data, %d stack\n' $(@F) "0x$$(symbol resident_end)" \
	    "0x$$(symbol image_end)" $$((0x$$(symbol stack_top) - 0x$$(symbol stack_bottom)))

$(B)/resident/image.o: stage2/resident/image.asm $(B)/resident.bin $(B)/resident_vhdx.bin
	$(call run,NASM)$(NASM) -f elf32 -I $(B) $< -o $@
