# SPDX-License-Identifier: GPL-2.0-or-later
# Fuzzers: every tests/fuzz/fuzz_X.c becomes build/fuzz/fuzz_X with all of core, libFuzzer, ASan and
# UBSan. A script tests/fuzz/seeds_X (any language) is run with a directory to fill with seeds.

FUZZ_SECONDS ?= 60
FUZZ_CC      ?= clang
FUZZ_SRC     := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZERS      := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/fuzz/%)
FUZZ_SANITIZE = fuzzer-no-link,address,undefined
# Following each comparison leads to new paths sooner, and takes half of the time: FUZZ_COMPARES=no is for long runs
# from a grown corpus, in a B of their own.
FUZZ_COMPARES ?= yes
FUZZ_CFLAGS  := $(CSTD) -Wall -Wextra $(INCLUDES) -Itests -O2 -g -fno-omit-frame-pointer \
                -fno-sanitize-recover=undefined \
                $(if $(filter no,$(FUZZ_COMPARES)),-fno-sanitize-coverage=trace-cmp -fno-sanitize-coverage=indirect-calls)

$(B)/fuzz/core/%.o: stage2/core/%.c $(wildcard stage2/core/*/*.h)
	@mkdir -p $(@D)
	$(call run,FUZZCC)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=$(FUZZ_SANITIZE) -c $< -o $@

# Loops over every byte of a table, which no input can lead astray: followed branch by branch they would take
# nine tenths of the time.
$(B)/fuzz/core/base/crc%.o: FUZZ_SANITIZE := undefined
# Half of the time of a log that names thousands of pages; the memory is looked after none the less.
$(B)/fuzz/core/base/sort.o: FUZZ_SANITIZE := address,undefined

$(B)/fuzz/core/base/crc32c.o: tests/fuzz/crc32c.c
	@mkdir -p $(@D)
	$(call run,FUZZCC)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=$(FUZZ_SANITIZE) -c $< -o $@

# What a fuzzer itself does is not what is to be explored.
$(B)/fuzz/fuzz_%.o $(B)/fuzz/quick.o: FUZZ_SANITIZE := address,undefined
$(B)/fuzz/%.o: tests/fuzz/%.c $(wildcard stage2/core/*/*.h tests/fuzz/*.h)
	@mkdir -p $(@D)
	$(call run,FUZZCC)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=$(FUZZ_SANITIZE) -c $< -o $@

$(B)/fuzz/fuzz_%: $(B)/fuzz/fuzz_%.o $(CORE_SRC:stage2/core/%.c=$(B)/fuzz/core/%.o)
	@mkdir -p $(@D)
	$(call run,FUZZLD)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined $(FUZZ_LINK) $^ -o $@

# The serving engine, for its fuzzer.
$(B)/fuzz/mkimage/%.o: mkimage/%.c $(wildcard stage2/core/*/*.h mkimage/*/*.h)
	@mkdir -p $(@D)
	$(call run,FUZZCC)$(FUZZ_CC) $(FUZZ_CFLAGS) $(FUZZ_HOST) -fsanitize=$(FUZZ_SANITIZE) -c $< -o $@

# Small tables, which are soon full, and quickly taken and given back.
FUZZ_HOST = -Imkimage -D_FILE_OFFSET_BITS=64 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' \
            -DMETA_BYTES=65536u -DRECYCLE_PLACES=8u
$(B)/fuzz/fuzz_serve.o: FUZZ_CFLAGS += $(FUZZ_HOST)
$(B)/fuzz/fuzz_serve: $(SERVE_SRC:mkimage/%.c=$(B)/fuzz/mkimage/%.o)

# What is opened for it; its seeds, and the stick that it changes, are made by mkimage.
$(B)/fuzz/fuzz_open.o $(B)/fuzz/quick.o: FUZZ_CFLAGS += $(FUZZ_HOST)
$(B)/fuzz/fuzz_open: FUZZ_LINK := -Wl,--wrap=mmap64,--wrap=munmap,--wrap=pwrite64
$(B)/fuzz/fuzz_open: $(SERVE_SRC:mkimage/%.c=$(B)/fuzz/mkimage/%.o) $(B)/fuzz/quick.o
$(B)/fuzz/seeds_open/made: $(B)/mkimage

# What is made of hives and their logs.
$(B)/fuzz/fuzz_hivelog.o: FUZZ_CFLAGS += $(FUZZ_HOST)
$(B)/fuzz/fuzz_hivelog: $(patsubst %,$(B)/fuzz/mkimage/%.o,windows/hivelog windows/hivelog_entries windows/hivelog_hive \
                          windows/hivelog_sectors windows/tree windows/tree_write) \
                        $(SERVE_SRC:mkimage/%.c=$(B)/fuzz/mkimage/%.o)

$(B)/fuzz/seeds_%/made: tests/fuzz/fuzz_%.c
	@mkdir -p $(@D)
	@if [ -x tests/fuzz/seeds_$* ]; then tests/fuzz/seeds_$* $(@D); fi
	@touch $@

.PHONY: fuzzers fuzz
fuzzers: $(FUZZERS)

# Findings are kept as build/fuzz/X-crash-... and fail the target; the corpus grows from run to run.
#? make fuzz       fuzzes each parser for FUZZ_SECONDS
fuzz: $(FUZZERS) $(FUZZERS:$(B)/fuzz/fuzz_%=$(B)/fuzz/seeds_%/made)
	@status=0; for f in $(FUZZERS); do name=$${f##*/fuzz_}; mkdir -p $(B)/fuzz/corpus_$$name; \
	    echo "fuzz $$name: $(FUZZ_SECONDS) s"; \
	    $$f -max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=1024 -max_len=131072 \
	        -print_final_stats=1 -artifact_prefix=$(B)/fuzz/$$name- \
	        $(B)/fuzz/corpus_$$name $(B)/fuzz/seeds_$$name >$(B)/fuzz/$$name.log 2>&1 \
	        && echo "ok fuzz_$$name: $$(sed -n 's/^stat::number_of_executed_units: *//p' $(B)/fuzz/$$name.log) executions" \
	        || { status=1; echo "not ok fuzz_$$name: see $(B)/fuzz/$$name.log"; }; \
	done; exit $$status

# Findings as above. Each in a process of its own, all at once. With FUZZ_SEEDS, a pattern of names, only from these
# seeds on: of vhdx-log* every second input has a log that is replayed, of all every hundredth.
FUZZ_RUNS  ?= 100000
FUZZ_NAMES ?= serve open
FUZZ_SEEDS ?=
FUZZ_CHOOSE = rm -rf $(B)/fuzz/chosen_$$name; mkdir $(B)/fuzz/chosen_$$name; \
              cp $(B)/fuzz/seeds_$$name/$(FUZZ_SEEDS) $(B)/fuzz/chosen_$$name/; from=$(B)/fuzz/chosen_$$name;
#? make fuzz-long  FUZZ_RUNS executions of each of FUZZ_NAMES: the log's replay, the plugin's open
.PHONY: fuzz-long
fuzz-long: $(FUZZ_NAMES:%=$(B)/fuzz/fuzz_%) $(FUZZ_NAMES:%=$(B)/fuzz/seeds_%/made)
	@for name in $(FUZZ_NAMES); do mkdir -p $(B)/fuzz/corpus_$$name; \
	    from="$(B)/fuzz/corpus_$$name $(B)/fuzz/seeds_$$name"; $(if $(FUZZ_SEEDS),$(FUZZ_CHOOSE)) \
	    $(B)/fuzz/fuzz_$$name -runs=$(FUZZ_RUNS) -timeout=20 -rss_limit_mb=2048 -max_len=131072 \
	        -print_final_stats=1 -artifact_prefix=$(B)/fuzz/$$name- \
	        $$from >$(B)/fuzz/$$name.log 2>&1 & \
	    pids="$$pids $$!"; done; \
	status=0; set -- $$pids; for name in $(FUZZ_NAMES); do \
	    wait $$1 || { status=1; echo "not ok fuzz_$$name: see $(B)/fuzz/$$name.log"; }; shift; \
	    sed -n -e 's/^stat::number_of_executed_units: */fuzz_'$$name' executions: /p' \
	        -e 's/^reached::/fuzz_'$$name' /p' \
	        -e 's/^stat::average_exec_per_sec: */fuzz_'$$name' a second: /p' $(B)/fuzz/$$name.log; \
	done; exit $$status
