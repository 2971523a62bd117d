# SPDX-License-Identifier: GPL-2.0-or-later
# The boot records. NASM reads the memory map from build/layout.inc and the BIOS's own addresses from
# build/bda.inc (rules of stage2.mk).

all: $(B)/mbr.bin $(B)/gap.bin $(B)/gap_loader.bin $(B)/vbr.bin

# A warning stops the build; the %warning lines that say how many bytes are used only show.
BOOT_NASM = $(NASM) -f bin -w+all -w+error -w-error=user -I$(B)/ -I$(B)/boot/ -Iboot/

# Offsets of C structs for NASM: made from what the compiler says, never typed.
$(B)/boot/offsets.inc: boot/offsets.c
	@mkdir -p $(@D)
	$(call run,OFFS)$(CC) $(CORE_CFLAGS) -MF $(@:.inc=.d) -MT $@ -S -o $(@:.inc=.s) $<
	@sed -n 's/^->\(\S*\) \(-\?[0-9]*\)$$/\1 equ \2/p' $(@:.inc=.s) > $@

$(B)/mbr.bin $(B)/gap.bin $(B)/gap_loader.bin $(B)/vbr.bin: $(B)/%.bin: boot/%.asm $(wildcard boot/*.asm boot/*.inc) $(B)/layout.inc $(B)/bda.inc \
    $(B)/boot/offsets.inc
	@mkdir -p $(@D)
	$(call run,NASM)$(BOOT_NASM) -o $@ $< 2> $@.log || { cat $@.log >&2; exit 1; }
	@sed -n 's/.*warning: "\(.*\)": \(.*\) \[.*/         \1: \2/p' $@.log
