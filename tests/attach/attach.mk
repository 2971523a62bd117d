# SPDX-License-Identifier: GPL-2.0-or-later
# The server of mkimage attach, for a client in a test (tests/attach/lines.c).

ATTACH_LINES := $(B)/attach/lines
CHECK_FILES  += $(ATTACH_LINES)

$(ATTACH_LINES): tests/attach/lines.c $(ATTACH_OBJ)
	@mkdir -p $(@D)
	$(call run,LD)$(CC) $(MKIMAGE_CFLAGS) -static -MF $@.d -MT $@ $(filter %.c %.o,$^) -o $@
