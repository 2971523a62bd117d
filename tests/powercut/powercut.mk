# SPDX-License-Identifier: GPL-2.0-or-later
# Power cuts: what a boot session wrote, cut off after every sector and judged (judge.c).

JUDGE       := $(B)/powercut/judge
CHECK_FILES += $(JUDGE)

$(JUDGE): $(wildcard tests/powercut/*.c) $(wildcard tests/powercut/*.h) $(CORE64)
	@mkdir -p $(@D)
	$(call run,LD)$(CC) $(HOST_CFLAGS) -Itests -MF $@.d -MT $@ $(filter %.c %.o,$^) -o $@

# The whole matrix, or as much of it as POWERCUT_SECONDS allow. `make check` has 75 seconds of it.
POWERCUT_SECONDS ?= 0
.PHONY: powercut
powercut: all $(GUEST_FILES) $(JUDGE)
	@tests/powercut/powercut.py $(POWERCUT_SECONDS)

# The modes of writing, a minute in each.
WRITE_SECONDS ?= 60
.PHONY: writes
writes: all $(GUEST_FILES)
	@WRITE_SECONDS=$(WRITE_SECONDS) tests/system/test_writes.py
