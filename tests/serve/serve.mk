# SPDX-License-Identifier: GPL-2.0-or-later
# The serving engine under power cuts and failing disks (tests/serve/cut.c), in memory.

SERVE_CUT   := $(B)/serve/cut
CHECK_FILES += $(SERVE_CUT)

$(SERVE_CUT): $(wildcard tests/serve/*.c tests/serve/*.h) $(filter-out %/main.o,$(MKIMAGE_LINKED))
	@mkdir -p $(@D)
	$(call run,LD)$(CC) $(MKIMAGE_CFLAGS) -Itests -MF $@.d -MT $@ $(filter %.c %.o,$^) $(MKIMAGE_LIBS) -o $@
