# SPDX-License-Identifier: GPL-2.0-or-later
# `make lint`: the rules of the house (tests/lint.py), which asks the objects too who calls whom.

LINT_OBJECTS := $(STAGE2_CORE) $(STAGE2_OBJ) $(filter-out %/blobs.o,$(MKIMAGE_OBJ)) $(B)/nbdkit/nbdkit/plugin.o $(B)/wim/wim/wim.o

.PHONY: lint
#? make lint       the rules of the house
lint: $(LINT_OBJECTS)
	@tests/lint.py
