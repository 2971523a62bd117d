# SPDX-License-Identifier: GPL-2.0-or-later
# `make coverage`: which lines of core the unit tests run, a line a file, by gcov.

COV      := $(B)/coverage
COV_TEST := $(patsubst tests/unit/%.c,$(COV)/unit/%,$(sort $(wildcard tests/unit/*/test_*.c)))

$(COV)/core/%.o: stage2/core/%.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(CORE_CFLAGS) -O0 -g --coverage -c $< -o $@

$(COV)/unit/%: tests/unit/%.c tests/unit/unit.c $(CORE_SRC:stage2/core/%.c=$(COV)/core/%.o)
	@mkdir -p $(@D)
	$(call run,LD)$(CC) $(HOST_CFLAGS) -MF $@.d -MT $@ -Itests -O0 $(filter %.c %.o,$^) --coverage -o $@

.PHONY: coverage
#? make coverage   which lines of core the unit tests reach
coverage: $(COV_TEST)
	@find $(COV)/core -name '*.gcda' -delete
	@for t in $(COV_TEST); do $$t; done >$(COV)/log 2>&1; \
	    if grep -A1 -B9 '^not ok' $(COV)/log; then exit 1; fi
	@for f in $(CORE_SRC); do \
	    o=$(COV)/$${f#stage2/}; gcov -n -o $$(dirname $$o) $${o%.c}.o 2>/dev/null | \
	        awk -v f=$$f '$$0 == "File '\''" f "'\''" {on = 1} \
	            on && /^Lines executed/ {sub(/^Lines executed:/, ""); print f ": " $$0; exit}'; \
	done
