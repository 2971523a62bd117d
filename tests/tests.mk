# SPDX-License-Identifier: GPL-2.0-or-later
# Unit tests: every tests/unit/test_X.c becomes build/unit/test_X.64 and .32, with sanitizers.

SANITIZE  := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
UNIT_SRC  := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BITS := 64 32
UNIT_TESTS := $(foreach bits,$(UNIT_BITS),$(UNIT_SRC:tests/unit/%.c=$(B)/unit/%.$(bits)))

define UNIT_RULES
$(B)/san$(1)/%.o: stage2/core/%.c
	@mkdir -p $$(@D)
	$$(call run,CC)$$(CC) $$(CORE_CFLAGS) -m$(1) -O1 -g $$(SANITIZE) -c $$< -o $$@

$(B)/unit/%.$(1).o: tests/unit/%.c
	@mkdir -p $$(@D)
	$$(call run,CC)$$(CC) $$(HOST_CFLAGS) -Itests -m$(1) -O1 $$(SANITIZE) -c $$< -o $$@

$(B)/unit/%.$(1): $(B)/unit/%.$(1).o $(B)/unit/unit.$(1).o $(CORE_SRC:stage2/core/%.c=$(B)/san$(1)/%.o)
	$$(call run,LD)$$(CC) -m$(1) $$(SANITIZE) $$^ -o $$@
endef
$(foreach bits,$(UNIT_BITS),$(eval $(call UNIT_RULES,$(bits))))

.PHONY: unit
unit: $(UNIT_TESTS)
	tests/run $(UNIT_TESTS)
