# SPDX-License-Identifier: GPL-2.0-or-later
# Power cuts: what a boot session wrote, cut off after every sector and judged (judge.c).

JUDGE       := $(B)/powercut/judge
CHECK_FILES += $(JUDGE)

$(JUDGE): $(wildcard tests/powercut/*.c) $(wildcard tests/powercut/*.h) $(CORE64)
	@mkdir -p $(@D)
	$(call run,LD)$(CC) $(HOST_CFLAGS) -Itests -MF $@.d -MT $@ $(filter %.c %.o,$^) -o $@

# Every cut of long sessions, in the first POWERCUT_CELLS of the matrix' cells: all of them, if nobody says otherwise.
# `make check` has less of it.
POWERCUT_CELLS ?= all
#? make powercut   power cuts in QEMU, the whole matrix
.PHONY: powercut
powercut: all $(JUDGE)
	@POWERCUT_CELLS=$(POWERCUT_CELLS) $(PYTEST) -n $$(nproc) tests/system/write/test_powercut.py -k test_power_cuts

# The modes of writing, WRITE_SECONDS in each.
WRITE_SECONDS ?= 60
#? make writes     random writers against a model, a minute a mode
.PHONY: writes
writes: all
	@WRITE_SECONDS=$(WRITE_SECONDS) $(PYTEST) -n $$(nproc) tests/system/write/test_writes.py
