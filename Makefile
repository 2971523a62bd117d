# SPDX-License-Identifier: GPL-2.0-or-later
# vhdboot. The folders' own rules are in boot/boot.mk, stage2/stage2.mk, mkimage/mkimage.mk, tests/tests.mk.

B       ?= build
VERSION := $(file <VERSION)
NASM    ?= nasm
ifeq ($(origin CC),default)
CC := gcc
endif

# What is missing is told before anything fails for want of it; these targets need nothing, or install it first.
ifneq ($(filter-out bench check clean deps demo dist help linux-root packages uninstall,$(or $(MAKECMDGOALS),all)),)
ifeq ($(wildcard $(B)/.needs),)
MISSING := $(shell package/needs.sh $(B)/.needs '$(CC)' '$(NASM)')
$(if $(MISSING),$(error missing: $(MISSING); `make deps` installs what is needed))
endif
endif

# `make V=1` shows the commands; otherwise a line a file.
ifeq ($(V),)
run = @printf '  %-6s %s\n' '$(1)' '$@';
else
run =
endif

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
            -Wvla -Wundef -Wwrite-strings -Wpointer-arith -Wformat=2 -Werror
CSTD     := -std=gnu2x
INCLUDES := -Istage2

# Core sees the compiler's own freestanding headers and nothing of the host.
FREESTANDING := -ffreestanding -fno-builtin-printf -nostdinc \
                -isystem $(shell $(CC) -print-file-name=include)
# No path of the build's folder gets into what is built.
MAPPED       := -ffile-prefix-map=$(CURDIR)=.
CORE_CFLAGS  := $(MAPPED) $(CSTD) $(WARNINGS) $(INCLUDES) $(FREESTANDING) -MMD -MP
HOST_CFLAGS  := $(MAPPED) $(CSTD) $(WARNINGS) $(INCLUDES) -O2 -g -D_FILE_OFFSET_BITS=64 -D_GNU_SOURCE -MMD -MP

CORE_SRC := $(sort $(wildcard stage2/core/*/*.c))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.SECONDARY:

.PHONY: all clean
#? make            builds everything into build/
all:

# Core for mkimage and other host tools.
$(B)/core64/%.o: stage2/core/%.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(CORE_CFLAGS) -O2 -g -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -c $< -o $@

CORE64 := $(CORE_SRC:stage2/core/%.c=$(B)/core64/%.o)

-include boot/boot.mk
-include stage2/stage2.mk
-include mkimage/mkimage.mk
-include mkimage/nbdkit/nbdkit.mk
-include mkimage/guest/guest.mk
-include tests/serve/serve.mk tests/attach/attach.mk
-include tests/ntfs/ntfs.mk
-include tests/hive/hive.mk
-include tests/fuzz/fuzz.mk
-include tests/powercut/powercut.mk
-include tests/soak/soak.mk
-include tests/coverage.mk
include docs/docs.mk
include tests/tests.mk
include package/package.mk

# What the files with -DVERSION are made of, beside their sources.
$(B)/stage2/main.o $(B)/mkimage.o/main.o: VERSION

#? make clean      removes build/
clean:
	rm -rf $(B)

-include $(wildcard $(B)/*/*.d $(B)/*/*/*.d $(B)/*/*/*/*.d)
