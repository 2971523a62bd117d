# SPDX-License-Identifier: GPL-2.0-or-later
# Disks with a Linux whose root lies in them: small ones, and whole Debians, which mmdebstrap fetches once.
# `make check` boots the plain small one and another; `make linux-root` all of tests/linuxroot/.

LINUX_ROOT   := $(B)/tests/linuxroot.raw
LINUX_SMALL  := $(patsubst %,$(B)/tests/linuxroot-%.raw,dracut-gpt xfs lvm gpt dracut)
LINUX_DEBIAN := $(patsubst %,$(B)/tests/debian-%.raw,initramfs-tools dracut)
LINUX_MAKER  := tests/guest/linuxroot.py tests/guest/linuxdisk.py $(B)/vhdboot-attach
CHECK_FILES  += $(LINUX_ROOT) $(firstword $(LINUX_SMALL))

$(LINUX_ROOT): $(LINUX_MAKER)
	@mkdir -p $(@D)
	$(call run,DISK)tests/guest/linuxroot.py small $@ >$@.log 2>&1 || { cat $@.log; exit 1; }

$(LINUX_SMALL): $(B)/tests/linuxroot-%.raw: $(LINUX_MAKER)
	@mkdir -p $(@D)
	$(call run,DISK)tests/guest/linuxroot.py small $@ $(subst -, ,$*) >$@.log 2>&1 || { cat $@.log; exit 1; }

$(CACHE)/debian-%.tar:
	$(call run,FETCH)mmdebstrap --variant=minbase --include=systemd-sysv,udev,dbus,linux-image-amd64,busybox,kmod,zstd,e2fsprogs,grub-pc-bin,grub2-common,$* \
	    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
	    --dpkgopt='path-exclude=/usr/share/locale/*' bookworm $(@:.tar=.part.tar)
	@mv $(@:.tar=.part.tar) $@

# The kernel that one of them gets from inside: another build of the same version.
LINUX_OTHER_KERNEL := $(CACHE)/debian-kernel.deb
$(LINUX_OTHER_KERNEL):
	$(call run,FETCH)tests/fetch_kernel.sh linux-image-rt-amd64 $@

$(LINUX_DEBIAN): $(B)/tests/debian-%.raw: $(CACHE)/debian-%.tar $(LINUX_MAKER)
	@mkdir -p $(@D)
	$(call run,DISK)tests/guest/linuxroot.py $< $@ $(filter dracut,$*) >$@.log 2>&1 || { cat $@.log; exit 1; }

LINUX_TOOLS := $(patsubst %,$(B)/tests/%,disktime kexec)

$(LINUX_TOOLS): $(B)/tests/%: tests/linuxroot/%.c
	@mkdir -p $(@D)
	$(call run,LD)$(CC) $(HOST_CFLAGS) -MF $@.d -MT $@ -static -pthread $< -o $@

# vhdboot-grow with a C library that a test can come between: tests/tools/cut.c.
CHECK_FILES  += $(B)/tests/vhdboot-grow
$(B)/tests/vhdboot-grow: $(GROW_OBJ)
	@mkdir -p $(@D)
	$(call run,LD)$(CC) -Wl,--gc-sections $^ -lnettle -lblkid -o $@

# LINUX_ROOT_CELLS: names, or beginnings of names with a star; `open` for those that have not passed yet.
LINUX_ROOT_CELLS ?= *
LINUX_ROOT_TESTS = LINUX_ROOT_CELLS='$(LINUX_ROOT_CELLS)' $(PYTEST) tests/linuxroot
#? make linux-root  Linux with its root in the disk, on each bus and in each kind of image; a table of what came up
.PHONY: linux-root linux-root-run
linux-root: deps
	@$(LINUX_ROOT_TESTS) --collect-only -q >/dev/null || [ $$? != 4 ]   # a misspelt cell is told before all is made
	@$(MAKE) $(ALL_PROCESSORS) --no-print-directory all
	@$(MAKE) --no-print-directory linux-root-run

linux-root-run: all $(LINUX_ROOT) $(LINUX_SMALL) $(LINUX_DEBIAN) $(LINUX_OTHER_KERNEL) $(LINUX_TOOLS)
	@$(LINUX_ROOT_TESTS)
