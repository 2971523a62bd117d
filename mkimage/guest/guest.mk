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

# What makes the image's slack larger from inside: the same with the writer of NTFS, and no part of an initramfs.
# The linker would warn of functions of libntfs-3g that nobody calls, which look for names of users.
all: $(B)/vhdboot-grow

GROW_OBJ := $(patsubst %,$(B)/mkimage.o/guest/%.o,grow/main control found left stick) \
            $(filter-out $(patsubst %,$(B)/mkimage.o/%/%,main verbs windows inside wim),\
              $(filter $(patsubst %,$(B)/mkimage.o/%/%,attach cli flash host image ntfs serve),$(MKIMAGE_LINKED))) \
            $(B)/mkimage.o/libntfs.a.o $(CORE64)

$(B)/vhdboot-grow: $(GROW_OBJ)
	$(call run,LD)$(CC) -static -Wl,--gc-sections -Wl,-z,noseparate-code -Wl,--no-warnings -s $^ -lnettle -lblkid -o $@
