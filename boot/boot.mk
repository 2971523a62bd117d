# SPDX-License-Identifier: GPL-2.0-or-later
# The two boot records. NASM reads the memory map from build/layout.inc, made from stage2/layout.h.

all: $(B)/mbr.bin $(B)/vbr.bin

$(B)/layout.inc: stage2/layout.h
	@mkdir -p $(@D)
	$(call run,SED)sed -n 's/^#define \([A-Z0-9_]* *[0-9].*\)/%define \1/p' $< > $@

# A warning stops the build; the %warning lines that say how many bytes are used only show.
BOOT_NASM = $(NASM) -f bin -w+all -w+error -w-error=user -I$(B)/ -Iboot/ -MD $@.d -MT $@ -MP

$(B)/mbr.bin $(B)/vbr.bin: $(B)/%.bin: boot/%.asm $(B)/layout.inc
	@mkdir -p $(@D)
	$(call run,NASM)$(BOOT_NASM) -o $@ $< 2> $@.log || { cat $@.log >&2; exit 1; }
	@sed -n 's/.*warning: "\(.*\)": \(.*\) \[.*/         \1: \2/p' $@.log

-include $(B)/mbr.bin.d $(B)/vbr.bin.d
