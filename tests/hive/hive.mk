# SPDX-License-Identifier: GPL-2.0-or-later
# The reader of registry hives on whole files: a program with sanitizers that prints one, for test_hives.py.

HIVE_DUMP   := $(B)/hive/hive_dump
CHECK_FILES += $(HIVE_DUMP)

$(HIVE_DUMP): tests/hive/hive_dump.c $(wildcard mkimage/windows/hivelog*.c) $(CORE_SRC:stage2/core/%.c=$(B)/san64/%.o)
	@mkdir -p $(@D)
	$(call run,LD)$(CC) $(HOST_CFLAGS) -Imkimage -MF $@.d -MT $@ $(SANITIZE) $^ -o $@
