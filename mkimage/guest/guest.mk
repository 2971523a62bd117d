# SPDX-License-Identifier: GPL-2.0-or-later
# vhdboot-attach: the serving engine and the kernel's client as one static program, for an initramfs; and the hooks
# that call it there, in build/hooks, which it can install by itself.

GUEST_OBJ   := $(patsubst mkimage/%.c,$(B)/mkimage.o/%.o,$(wildcard mkimage/guest/*.c)) \
               $(B)/mkimage.o/guest/hooks_text.o $(B)/mkimage.o/cli/json.o $(ATTACH_OBJ)
GUEST_HOOKS := $(patsubst mkimage/guest/hooks/%,$(B)/hooks/%,\
                          $(filter-out %/modules,$(wildcard mkimage/guest/hooks/*)))

all: $(B)/vhdboot-attach

$(B)/hooks/%: mkimage/guest/hooks/% mkimage/guest/hooks/modules
	@mkdir -p $(@D)
	$(call run,GEN)sed "s/@MODULES@/$$(tr '\n' ' ' <mkimage/guest/hooks/modules | sed 's/ $$//')/" $< >$@

$(B)/mkimage.o/guest/hooks_text.o: mkimage/guest/hooks_text.S $(GUEST_HOOKS)
	@mkdir -p $(@D)
	$(call run,AS)$(CC) -Wa,-I$(B)/hooks -c $< -o $@

$(B)/vhdboot-attach: $(GUEST_OBJ)
	$(call run,LD)$(CC) -static -Wl,--gc-sections -Wl,-z,noseparate-code -s $^ -o $@
