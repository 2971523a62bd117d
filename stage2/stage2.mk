# SPDX-License-Identifier: GPL-2.0-or-later
# Stage2: $(B)/vhdboot.bin, from core and the machine layer, 32-bit and freestanding. For the oldest
# machines that can have an EDD BIOS at all: nothing beyond the 386's instructions.

STAGE2_CFLAGS := $(CORE_CFLAGS) -m32 -march=i386 -Oz -fno-pic -fno-pie -fno-stack-protector \
                 -fno-asynchronous-unwind-tables -fno-strict-aliasing -mno-sse -mno-mmx \
                 -mpreferred-stack-boundary=2 -ffunction-sections -fdata-sections \
                 -fcf-protection=none -Wframe-larger-than=2048 -DVERSION='"$(VERSION)"'
STAGE2_DIR    := $(B)/stage2
STAGE2_ASM    := start handoff_jump hash64 pc/a20 pc/bios_call pc/exchange_code pc/font_data pc/leave \
                 pc/long_mode pc/protected pc/trap_stubs
STAGE2_C      := $(filter-out pc/offsets pack_file make_font,$(patsubst stage2/%.c,%,$(wildcard stage2/*.c stage2/pc/*.c)))
STAGE2_OBJ    := $(STAGE2_ASM:%=$(STAGE2_DIR)/%.o) $(STAGE2_C:%=$(STAGE2_DIR)/%.o)
STAGE2_CORE   := $(CORE_SRC:stage2/core/%.c=$(B)/core32/%.o)

include stage2/resident/resident.mk

all: $(B)/vhdboot.bin

# Headers of nothing but numbers, as NASM reads them: the same #define lines.
$(B)/layout.inc: stage2/layout.h
$(B)/bda.inc: stage2/pc/bda.h
$(B)/layout.inc $(B)/bda.inc:
	@mkdir -p $(@D)
	$(call run,GEN)sed -n 's/^#define \([A-Z0-9_]*\) *\([0-9][0-9A-Fa-fx]*\)$$/%define \1 \2/p' $< > $@

$(STAGE2_DIR)/offsets.inc: stage2/pc/offsets.c
	@mkdir -p $(@D)
	$(call run,GEN)$(CC) $(STAGE2_CFLAGS) -MF $(STAGE2_DIR)/offsets.d -MT $@ -S -o $(@:.inc=.s) $<
	@sed -n 's/^->\([A-Z0-9_]*\) \([0-9]*\)$$/%define \1 \2/p' $(@:.inc=.s) > $@

$(B)/core32/%.o: stage2/core/%.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(STAGE2_CFLAGS) -c $< -o $@

# A password's hash is a matter of speed: also as 64-bit code, without relocations, for processors that have it.
$(B)/core32/base/sha512.o: STAGE2_CFLAGS += -O2

HASH64_CFLAGS = $(CORE_CFLAGS) -m64 -O2 -fpie -fvisibility=hidden -mgeneral-regs-only -mno-red-zone \
                -fno-stack-protector -fno-asynchronous-unwind-tables -ffunction-sections -fcf-protection=none
HASH64_OBJ    := $(addprefix $(STAGE2_DIR)/hash64/,core/entry/password.o core/base/sha512.o core/base/text.o pc/mem.o)

$(STAGE2_DIR)/hash64/%.o: stage2/%.c
	@mkdir -p $(@D)
	$(call run,CC64)$(CC) $(HASH64_CFLAGS) -c $< -o $@

$(STAGE2_DIR)/hash64.bin: stage2/hash64.ld $(HASH64_OBJ)
	$(call run,LD)ld -m elf_x86_64 -T $< --gc-sections -z noexecstack -nostdlib -o $(@:.bin=.elf) $(HASH64_OBJ)
	@objcopy -O binary -j .text $(@:.bin=.elf) $@

$(STAGE2_DIR)/hash64.o: $(STAGE2_DIR)/hash64.bin

$(STAGE2_DIR)/%.o: stage2/%.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(STAGE2_CFLAGS) -c $< -o $@

$(STAGE2_DIR)/%.o: stage2/%.asm stage2/stage2.asm.inc $(B)/layout.inc $(STAGE2_DIR)/offsets.inc
	@mkdir -p $(@D)
	$(call run,NASM)$(NASM) -f elf32 -Wall -Istage2/ -I$(B)/ -I$(STAGE2_DIR)/ $< -o $@

# The letters that code page 437 lacks come from the font of Debian's GRUB, which is GNU Unifont.
FONT ?= /usr/share/grub/unicode.pf2

$(STAGE2_DIR)/make_font: stage2/make_font.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(HOST_CFLAGS) -MF $(@D)/make_font.d -MT $@ $< -o $@

$(STAGE2_DIR)/font.bin: $(STAGE2_DIR)/make_font
	$(call run,FONT)$(STAGE2_DIR)/make_font $(FONT) $@

$(STAGE2_DIR)/pc/font_data.o: $(STAGE2_DIR)/font.bin

$(STAGE2_DIR)/stage2.ld: stage2/stage2.ld stage2/layout.h
	@mkdir -p $(@D)
	$(call run,GEN)$(CC) -E -P -x c -Istage2 $< -o $@

$(STAGE2_DIR)/stage2.elf: $(STAGE2_DIR)/stage2.ld $(STAGE2_OBJ) $(B)/resident/image.o $(STAGE2_CORE)
	$(call run,LD)ld -m elf_i386 -T $< --gc-sections --no-warn-rwx-segments -z noexecstack -nostdlib \
	    -Map $(@:.elf=.map) -o $@ $(filter %.o,$^)
	@! nm -u $(B)/core32/base/inflate.o | grep . || { echo "inflate.c calls what is still packed" >&2; exit 1; }

$(STAGE2_DIR)/pack_file: stage2/pack_file.c $(B)/core64/base/inflate.o
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(HOST_CFLAGS) -MF $(@D)/pack_file.d -MT $@ $^ -o $@ -lzopfli

$(STAGE2_DIR)/stage2.img: $(STAGE2_DIR)/stage2.elf
	$(call run,OBJ)objcopy -O binary $< $@

$(B)/vhdboot.bin: $(STAGE2_DIR)/stage2.img $(STAGE2_DIR)/pack_file
	@$(STAGE2_DIR)/pack_file $< $@
