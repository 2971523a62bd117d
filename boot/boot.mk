# SPDX-License-Identifier: GPL-2.0-or-later
# The two boot records. NASM reads the memory map from build/layout.inc, the
# BIOS's own addresses from build/bda.inc (rules of stage2.mk).

all: $(B)/mbr.bin $(B)/vbr.bin

# A warning stops the build; the %warning lines that say how many bytes are used only show.
BOOT_NASM = $(NASM) -f bin -w+all -w+error -w-error=user -I$(B)/ -Iboot/

$(B)/mbr.bin $(B)/vbr.bin: $(B)/%.bin: boot/%.asm $(wildcard boot/*.asm boot/*.inc) $(B)/layout.inc $(B)/bda.inc
	@mkdir -p $(@D)
	$(call run,NASM)$(BOOT_NASM) -o $@ $< 2> $@.log || { cat $@.log >&2; exit 1; }
	@sed -n 's/.*warning: "\(.*\)": \(.*\) \[.*/         \1: \2/p' $@.log
