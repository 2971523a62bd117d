# SPDX-License-Identifier: GPL-2.0-or-later
# The host tool. It reads through core and writes through libntfs-3g. Both have functions whose names
# begin with ntfs_, and some of the same name: so libntfs-3g is linked statically into one object with
# the files that talk to it, out of which nothing but their own names can be seen.

# mkimage/nbdkit and mkimage/guest are other programs: a plugin of nbdkit, and vhdboot-attach;
# mkimage/wim is loaded when it is needed.
MKIMAGE_SRC    := $(sort $(filter-out mkimage/nbdkit/% mkimage/guest/% mkimage/wim/%,\
                    $(wildcard mkimage/*.c mkimage/*/*.c)))
MKIMAGE_OBJ    := $(MKIMAGE_SRC:mkimage/%.c=$(B)/mkimage.o/%.o) $(B)/mkimage.o/blobs.o
# CPPFLAGS, CFLAGS and LDFLAGS of whoever builds a package of it are for the host's programs alone.
MKIMAGE_CFLAGS := $(HOST_CFLAGS) -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -Imkimage -DVERSION='"$(VERSION)"' $(CPPFLAGS) $(CFLAGS)

include mkimage/wim/wim.mk

# The serving engine and what it stands on: without the NTFS writer, and with no library but libc.
SERVE_SRC := $(wildcard mkimage/serve/*.c) \
             $(patsubst %,mkimage/%.c,flash/dependents flash/target flash/gap flash/entry flash/source host/busy host/device host/drives \
                                      host/fd host/files host/interrupt host/lock host/overlay cli/path cli/bytes cli/printable cli/program \
                                      cli/progress cli/say)

# The same with the kernel's client: for static programs, as one of an initramfs is.
ATTACH_OBJ := $(patsubst mkimage/%.c,$(B)/mkimage.o/%.o,$(wildcard mkimage/attach/*.c) $(SERVE_SRC)) $(CORE64)

# The files that include libntfs.h.
MKIMAGE_NTFS   := $(patsubst %,$(B)/mkimage.o/ntfs/%.o,find folder index index_write io lengthen place settle volume)
# SHA-256; what is on a device that is to be overwritten; libhivex, which changes registry hives:
# statically, as it is small and not everywhere.
MKIMAGE_LIBS   := -lnettle -lblkid -l:libhivex.a
MKIMAGE_LINKED := $(filter-out $(MKIMAGE_NTFS),$(MKIMAGE_OBJ)) $(B)/mkimage.o/libntfs.a.o $(CORE64)

# All that mkimage stands on, and the boot code inside it, has to be there first.
ifneq ($(and $(wildcard boot/boot.mk),$(wildcard stage2/handoff.c)),)
all: $(B)/mkimage $(B)/tools/fragment
else
all: $(MKIMAGE_OBJ:%/blobs.o=%/main.o)
endif

$(B)/mkimage.o/%.o: mkimage/%.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(MKIMAGE_CFLAGS) -c $< -o $@

$(B)/mkimage.o/blobs.o: mkimage/blobs.S $(B)/mbr.bin $(B)/gap.bin $(B)/gap_loader.bin $(B)/vbr.bin $(B)/vhdboot.bin $(WIM_SO) \
                             $(B)/vhdboot-attach $(B)/vhdboot-grow
	@mkdir -p $(@D)
	$(call run,AS)$(CC) -I$(B) -c $< -o $@

$(B)/mkimage.o/libntfs.a.o: $(MKIMAGE_NTFS)
	$(call run,LD)ld -r -o $@.all $^ $(shell $(CC) -print-file-name=libntfs-3g.a)
	@objcopy --wildcard --keep-global-symbol='volume_*' --keep-global-symbol='place*' --keep-global-symbol='folder*' $@.all $@

$(B)/mkimage: $(MKIMAGE_LINKED)
	$(call run,LD)$(CC) $(LDFLAGS) $^ $(MKIMAGE_LIBS) -o $@

# For tests: puts a file on a volume in exactly so many pieces.
$(B)/tools/fragment: $(B)/mkimage.o/tools/fragment.o $(filter-out %/main.o,$(MKIMAGE_LINKED))
	@mkdir -p $(@D)
	$(call run,LD)$(CC) $^ $(MKIMAGE_LIBS) -o $@

$(B)/mkimage.o/tools/%.o: tests/tools/%.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(MKIMAGE_CFLAGS) -c $< -o $@
