# SPDX-License-Identifier: GPL-2.0-or-later
# vhdboot-attach: the serving engine and the kernel's client as one static program, for an initramfs.

GUEST_OBJ := $(patsubst mkimage/%.c,$(B)/mkimage.o/%.o,$(wildcard mkimage/guest/*.c)) $(ATTACH_OBJ)

all: $(B)/vhdboot-attach

$(B)/vhdboot-attach: $(GUEST_OBJ)
	$(call run,LD)$(CC) -static -Wl,--gc-sections -s $^ -o $@
