# SPDX-License-Identifier: GPL-2.0-or-later
# The soak: random sequences of everything that is done to a flash, compared with a model.

SOAK_BOOT    := $(B)/soak/boot
SOAK_OUTSIDE := $(B)/soak/outside
SOAK_CUT     := $(B)/soak/cut.so
SOAK_FILES   := $(SOAK_BOOT) $(SOAK_BOOT)-vhdx $(SOAK_OUTSIDE) $(SOAK_CUT)
CHECK_FILES  += $(SOAK_FILES)

SOAK_BOOT_SRC := $(addprefix tests/soak/,disk.c look.c session.c) $(addprefix tests/powercut/,second.c second_vhdx.c)

# The handler is in it, of which there are two.
$(SOAK_BOOT)-vhdx: SOAK_FACE := -DRESIDENT_VHDX
$(SOAK_BOOT) $(SOAK_BOOT)-vhdx: $(SOAK_BOOT_SRC) $(wildcard tests/soak/*.h stage2/resident/*.[ch] tests/machine/*.h) $(CORE64)
	@mkdir -p $(@D)
	$(call run,LD)$(CC) $(HOST_CFLAGS) $(SOAK_FACE) -Itests -MF $@.d -MT $@ $(SOAK_BOOT_SRC) $(CORE64) -o $@

# Debian's headers expect the configuration that they were built with.
SOAK_LIBNTFS := $(patsubst %,-DHAVE_%_H=1,STDINT STDDEF STDIO STDLIB STDARG STRING ERRNO TIME SYS_TYPES SYS_STAT)

$(SOAK_OUTSIDE): tests/soak/outside.c
	@mkdir -p $(@D)
	$(call run,LD)$(CC) $(HOST_CFLAGS) $(SOAK_LIBNTFS) -MF $@.d -MT $@ $< \
	    $(shell $(CC) -print-file-name=libntfs-3g.a) -o $@

$(SOAK_CUT): tests/tools/cut.c
	@mkdir -p $(@D)
	$(call run,LD)$(CC) -shared -fPIC -O1 $< -o $@

# SEED: only that sequence. Else SOAK_SEQUENCES of them, or as many as fit into SOAK_SECONDS.
SOAK_SECONDS   ?= 0
SOAK_SEQUENCES ?= 0
.PHONY: soak
#? make soak       long random lives of a disk against a model; see docs/TESTING.md
soak: all $(SOAK_FILES)
	@tests/soak/soak.py $(if $(SEED),--seed $(SEED)) --seconds $(SOAK_SECONDS) \
	    --sequences $(SOAK_SEQUENCES) $(SOAK_ARGS)
