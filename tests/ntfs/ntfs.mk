# SPDX-License-Identifier: GPL-2.0-or-later
# The NTFS reader on whole volumes: a probe with sanitizers, driven by test_volumes.py.

NTFS_PROBE   := $(B)/ntfs/ntfs_probe
CHECK_FILES  += $(NTFS_PROBE)

$(NTFS_PROBE): tests/ntfs/ntfs_probe.c $(CORE_SRC:stage2/core/%.c=$(B)/san64/%.o)
	@mkdir -p $(@D)
	$(call run,LD)$(CC) $(HOST_CFLAGS) -MF $@.d -MT $@ $(SANITIZE) $^ -o $@

.PHONY: ntfs-volumes
ntfs-volumes: $(NTFS_PROBE)
	@$(PYTEST) -n $$(nproc) tests/ntfs
