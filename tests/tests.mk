# SPDX-License-Identifier: GPL-2.0-or-later
# deps, demo, check and bench, and what the tests are made of.

# --- Unit tests: every tests/unit/F/test_X.c becomes build/unit/F/test_X.64 and .32, with sanitizers.

SANITIZE  := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
UNIT_SRC  := $(sort $(wildcard tests/unit/*/test_*.c))
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

# The harness of all tests, tests/conftest.py. Debian's Python has Debian's pytest.
PYTEST = /usr/bin/python3 -m pytest

.PHONY: unit
#? make unit       the unit tests alone
unit: $(UNIT_TESTS)
	@$(PYTEST) -q -n $$(nproc) tests/unit

include tests/int13/int13.mk
include tests/lint.mk

# --- What the machines of the system tests run: small guests, and disks with real systems

CACHE        := .cache
GUESTS       := drives first pattern bench wbench scribe slots reread
GUEST_FILES  := $(GUESTS:%=$(B)/tests/%.bin) $(B)/tests/pattern
SYSTEM_DISKS := $(B)/demo.vhd $(B)/tests/extlinux.vhd $(B)/tests/memtest.vhd $(B)/tests/memdisk.vhd

$(B)/tests/%.bin: tests/guest/%.asm $(wildcard tests/guest/*.inc)
	@mkdir -p $(@D)
	$(call run,NASM)$(NASM) -f bin -Wall -Itests/guest/ $< -o $@

$(B)/tests/pattern: tests/guest/pattern.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(HOST_CFLAGS) -MF $@.d -MT $@ $< -o $@

$(B)/demo.vhd: SYSTEM := grub
$(B)/tests/extlinux.vhd: SYSTEM := extlinux
$(B)/tests/memtest.vhd: SYSTEM := memtest
$(B)/tests/memdisk.vhd: SYSTEM := memdisk
$(B)/tests/memdisk.vhd: $(INT13_FILES) tests/int13/disk.py
$(SYSTEM_DISKS): tests/guest/osdisk.py tests/lib/initramfs.py
	@mkdir -p $(@D)
	$(call run,DISK)tests/guest/osdisk.py $(SYSTEM) "$$(ls $(CACHE)/linux-image-*.deb | tail -n 1)" $@

include tests/guest/linuxroot.mk

# --- deps, demo

.PHONY: deps demo demo-image check check-run bench bench-run
#? make deps       installs what building, demo and tests need, from Debian's packages
deps:
	@tests/deps.sh $(CACHE)

# What deps installs may change what make finds: so the rest is done by a second make, on all processors
# where nobody said otherwise.
ALL_PROCESSORS = $(if $(findstring -j,$(MAKEFLAGS)),,-j$$(nproc))
#? make demo       makes a flash with Linux in a VHD and boots it in this terminal; Ctrl-A X ends it
demo: deps
	@$(MAKE) $(ALL_PROCESSORS) --no-print-directory all
	@$(MAKE) --no-print-directory demo-image
	@tests/demo.sh $(B)/demo.img

demo-image: $(B)/demo.img

$(B)/demo.img: $(B)/demo.vhd $(B)/mkimage
	@rm -f $@
	$(call run,FLASH)$(B)/mkimage flash $@ --vhd $<

# --- check: all tests, or with T=... those whose names say so: a word or an expression of words for pytest's -k
# (T=vhdx, T='chain and not torn'), or one test, file or folder by its path, as a failure names it
# (T=tests/...::test_...).

export B
CHECK_WHICH = $(if $(findstring /,$(T)),'$(subst ','\'',$(T))',tests $(if $(T),-k '$(T)'))

#? make check      all tests; T=WORDS: those of that name
check: deps
	@$(MAKE) $(ALL_PROCESSORS) --no-print-directory all
	@$(MAKE) $(ALL_PROCESSORS) --no-print-directory check-run

check-run: all $(UNIT_TESTS) $(GUEST_FILES) $(SYSTEM_DISKS) $(CHECK_FILES) $(STAGE2_CORE)
	@$(PYTEST) -n $$(nproc) $(CHECK_WHICH)

# Many more bad BIOSes than `make check` has: OLDBIOS_COUNT random ones, from OLDBIOS_SEED on.
OLDBIOS_COUNT ?= 200
OLDBIOS_SEED  ?= 1
#? make oldbios    many more bad BIOSes than make check has
.PHONY: oldbios
oldbios: all $(GUEST_FILES)
	@OLDBIOS_COUNT=$(OLDBIOS_COUNT) OLDBIOS_SEED=$(OLDBIOS_SEED) $(PYTEST) -n $$(nproc) tests/system/boot/test_oldbios.py

#? make pictures   a PNG of each of the menu's screens, and those of the documents
# A PNG of each of the menu's screens, in build/screens; those that documents show go to docs/, with those of the tool
# in a terminal.
.PHONY: pictures
pictures: all $(B)/demo.vhd
	@$(PYTEST) -q tests/system/boot/test_screens.py
	@for name in menu menu-error; do cp $(B)/screens/docs-$$name.png docs/$$name.png; done
	@tests/pictures.py $(B)/mkimage $(B)/demo.vhd docs
	@ls $(B)/screens/*.png docs/*.png

#? make bench      the table of figures, as a ratio to the raw drive
bench: deps
	@$(MAKE) $(ALL_PROCESSORS) --no-print-directory all
	@$(MAKE) --no-print-directory bench-run

bench-run: all $(GUEST_FILES) $(B)/demo.vhd
	@tests/bench.py

#? make bench-serve  the plugin and the verbs that copy, beside nbdkit's file plugin and QEMU's tools
.PHONY: bench-serve
bench-serve: all
	@/usr/bin/python3 tests/bench_serve.py

#? make network    machines that boot over a network, many from one master
.PHONY: network
network: all $(GUEST_FILES)
	@$(PYTEST) -q -s tests/network/machines.py
