# SPDX-License-Identifier: GPL-2.0-or-later
# The tool as it is installed: as vhdboot, since mkimage is the name of a program of u-boot's. The manual and the
# completions are made from what the tool says of itself (`help --table`), by package/tables.py.

PREFIX  ?= /usr/local
DESTDIR ?=

BINDIR  ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
MANDIR  ?= $(PREFIX)/share/man
DOCDIR  ?= $(PREFIX)/share/doc/vhdboot
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR  ?= $(PREFIX)/share/zsh/site-functions
# Where nbdkit looks, if this is installed beside it; else its plugins are named by their path.
NBDKITDIR ?= $(if $(filter /usr,$(PREFIX)),$(or $(shell pkg-config --variable=plugindir nbdkit 2>/dev/null),\
             $(PREFIX)/lib/nbdkit/plugins),$(PREFIX)/lib/nbdkit/plugins)

PACKAGE_MADE := $(B)/package/vhdboot.1 $(B)/package/vhdboot.bash $(B)/package/_vhdboot
PACKAGE_DOCS := README.md CHANGELOG.md $(wildcard docs/*.md docs/*.png)

# What is installed: `mode:file:folder/name`, a word each. What is not built here (no headers of nbdkit's) is left out.
INSTALL_TOOL = 755:$(B)/mkimage:$(BINDIR)/vhdboot \
               644:$(B)/package/vhdboot.1:$(MANDIR)/man1/vhdboot.1 \
               644:package/man/vhdboot.cfg.5:$(MANDIR)/man5/vhdboot.cfg.5 \
               644:$(B)/package/vhdboot.bash:$(BASHDIR)/vhdboot \
               644:$(B)/package/_vhdboot:$(ZSHDIR)/_vhdboot \
               $(foreach document,$(PACKAGE_DOCS),644:$(document):$(DOCDIR)/$(document))
INSTALL_NBDKIT = $(if $(wildcard $(NBDKIT_SO)),644:$(NBDKIT_SO):$(NBDKITDIR)/nbdkit-vhdboot-plugin.so \
                 644:package/man/nbdkit-vhdboot-plugin.1:$(MANDIR)/man1/nbdkit-vhdboot-plugin.1)
# What goes into a Linux inside an image. Its hooks are where initramfs-tools and dracut look, below /usr alone, and name
# the program there; elsewhere, `vhdboot-attach install-hooks` puts them into a system.
INITRAMFS     = $(PREFIX)/share/initramfs-tools
DRACUT        = $(PREFIX)/lib/dracut/modules.d/90vhdboot
INSTALL_HOOKS = 755:$(B)/hooks/initramfs-hook:$(INITRAMFS)/hooks/vhdboot \
                755:$(B)/hooks/initramfs-script:$(INITRAMFS)/scripts/local-top/vhdboot \
                755:$(B)/hooks/initramfs-script:$(INITRAMFS)/scripts/local-block/vhdboot \
                755:$(B)/hooks/dracut-module:$(DRACUT)/module-setup.sh \
                755:$(B)/hooks/dracut-hook:$(DRACUT)/vhdboot.sh
INSTALL_GUEST = $(if $(filter /usr,$(PREFIX)),755:$(B)/hooks/grub-devices:$(PREFIX)/lib/vhdboot/grub-devices) \
                755:$(B)/vhdboot-attach:$(SBINDIR)/vhdboot-attach \
                755:$(B)/vhdboot-grow:$(SBINDIR)/vhdboot-grow \
                644:package/man/vhdboot-attach.8:$(MANDIR)/man8/vhdboot-attach.8 \
                644:package/man/vhdboot-grow.8:$(MANDIR)/man8/vhdboot-grow.8 \
                $(if $(filter /usr,$(PREFIX)),$(INSTALL_HOOKS))
INSTALLED = $(INSTALL_TOOL) $(INSTALL_NBDKIT) $(INSTALL_GUEST)

.PHONY: install uninstall dist deb deb-test help

#? make install    installs the tool as vhdboot, its manual, completions and the nbdkit plugin; PREFIX=/usr/local DESTDIR=
install: all $(PACKAGE_MADE)
	@set -e; for one in $(INSTALLED); do \
	    mode=$${one%%:*}; rest=$${one#*:}; \
	    install -D -m "$$mode" "$${rest%%:*}" "$(DESTDIR)$${rest#*:}"; \
	    echo "  INST   $(DESTDIR)$${rest#*:}"; \
	done

#? make uninstall  removes what install installed, by the same PREFIX and DESTDIR
uninstall:
	@for one in $(INSTALLED); do rm -f "$(DESTDIR)$${one##*:}"; done
	@rmdir --ignore-fail-on-non-empty $(DESTDIR)$(DOCDIR)/docs $(DESTDIR)$(DOCDIR) 2>/dev/null || true

$(B)/package/vhdboot.1: package/man/vhdboot.1.in
$(B)/package/vhdboot.bash: package/completion/vhdboot.bash
$(B)/package/_vhdboot: package/completion/_vhdboot
$(PACKAGE_MADE): package/tables.py $(B)/mkimage
	@mkdir -p $(@D)
	$(call run,GEN)package/tables.py $(B)/mkimage $(VERSION) $(filter package/man/% package/completion/%,$^) > $@

# What git knows of, as it stands here; from a copy without git, all but what was built. Its bytes depend on nothing else.
DIST   := $(B)/vhdboot-$(VERSION).tar.xz
EPOCH  := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),$(shell date -r CHANGELOG.md +%s))
SOURCES = git ls-files 2>/dev/null | grep . || find . -type f ! -path './.git/*' ! -path './.cache/*' ! -path './build*' -printf '%P\n'

#? make dist       the sources in one file, build/vhdboot-VERSION.tar.xz
dist:
	@mkdir -p $(B)
	@{ $(SOURCES); } | LC_ALL=C sort | tar --create --files-from=- --transform='s,^,vhdboot-$(VERSION)/,' \
	    --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime=@$(EPOCH) | xz -T1 > $(DIST)
	@echo "  DIST   $(DIST)"

#? make deb        Debian packages, in build/deb; lintian has to have no errors
deb: dist
	@package/deb.sh $(DIST) $(VERSION) $(EPOCH) $(B)/deb

#? make deb-test   two builds have to be equal; install, run and remove in a new Debian, which it fetches
deb-test: deb
	@package/deb_test.sh $(DIST) $(VERSION) $(EPOCH) $(B)/deb

#? make help       this list
help:
	@sed -n 's/^#? //p' $(MAKEFILE_LIST) | LC_ALL=C sort
