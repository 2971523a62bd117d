# SPDX-License-Identifier: GPL-2.0-or-later
# Disks with a Linux whose root lies in them: a small one for every check, and `make linux-root`: whole Debians,
# which mmdebstrap fetches once.

LINUX_ROOT   := $(B)/tests/linuxroot.raw
LINUX_DEBIAN := $(patsubst %,$(B)/tests/debian-%.raw,initramfs-tools dracut)
CHECK_FILES  += $(LINUX_ROOT)

$(LINUX_ROOT): tests/guest/linuxroot.py $(B)/vhdboot-attach
	@mkdir -p $(@D)
	$(call run,DISK)tests/guest/linuxroot.py small $@ >$@.log 2>&1 || { cat $@.log; exit 1; }

$(CACHE)/debian-%.tar:
	$(call run,FETCH)mmdebstrap --variant=minbase --include=systemd-sysv,udev,dbus,linux-image-amd64,busybox,kmod,zstd,e2fsprogs,$* \
	    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
	    --dpkgopt='path-exclude=/usr/share/locale/*' bookworm $(@:.tar=.part.tar)
	@mv $(@:.tar=.part.tar) $@

$(LINUX_DEBIAN): $(B)/tests/debian-%.raw: $(CACHE)/debian-%.tar tests/guest/linuxroot.py $(B)/vhdboot-attach
	@mkdir -p $(@D)
	$(call run,DISK)tests/guest/linuxroot.py $< $@ $* >$@.log 2>&1 || { cat $@.log; exit 1; }

#? make linux-root  whole Debians with their root in the virtual disk
.PHONY: linux-root
linux-root: all $(LINUX_ROOT) $(LINUX_DEBIAN)
	@LINUX_ROOT=1 $(PYTEST) tests/system/linux
