# SPDX-License-Identifier: GPL-2.0-or-later
# Fuzzers: every tests/fuzz/fuzz_X.c becomes build/fuzz/fuzz_X with all of core, libFuzzer, ASan and
# UBSan. A script tests/fuzz/seeds_X (any language) is run with a directory to fill with seeds.

FUZZ_SECONDS ?= 60
FUZZ_CC      ?= clang
FUZZ_SRC     := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZERS      := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/fuzz/%)
FUZZ_CFLAGS  := $(CSTD) -Wall -Wextra $(INCLUDES) -Itests -O2 -g -fno-omit-frame-pointer \
                -fno-sanitize-recover=undefined

$(B)/fuzz/core/%.o: stage2/core/%.c $(wildcard stage2/core/*.h)
	@mkdir -p $(@D)
	$(call run,FUZZCC)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined -c $< -o $@

$(B)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(CORE_SRC:stage2/core/%.c=$(B)/fuzz/core/%.o)
	@mkdir -p $(@D)
	$(call run,FUZZLD)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined $^ -o $@

$(B)/fuzz/seeds_%/made: tests/fuzz/fuzz_%.c
	@mkdir -p $(@D)
	@if [ -x tests/fuzz/seeds_$* ]; then tests/fuzz/seeds_$* $(@D); fi
	@touch $@

.PHONY: fuzzers fuzz
fuzzers: $(FUZZERS)

# Findings are kept as build/fuzz/X-crash-... and fail the target; the corpus grows from run to run.
fuzz: $(FUZZERS) $(FUZZERS:$(B)/fuzz/fuzz_%=$(B)/fuzz/seeds_%/made)
	@status=0; for f in $(FUZZERS); do name=$${f##*/fuzz_}; mkdir -p $(B)/fuzz/corpus_$$name; \
	    echo "fuzz $$name: $(FUZZ_SECONDS) s"; \
	    $$f -max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=1024 -max_len=131072 \
	        -print_final_stats=1 -artifact_prefix=$(B)/fuzz/$$name- \
	        $(B)/fuzz/corpus_$$name $(B)/fuzz/seeds_$$name >$(B)/fuzz/$$name.log 2>&1 \
	        && echo "ok fuzz_$$name: $$(sed -n 's/^stat::number_of_executed_units: *//p' $(B)/fuzz/$$name.log) executions" \
	        || { status=1; echo "not ok fuzz_$$name: see $(B)/fuzz/$$name.log"; }; \
	done; exit $$status
