# SPDX-License-Identifier: GPL-2.0-or-later
# The host tool. It reads through core and writes through libntfs-3g; both have functions whose names
# begin with ntfs_, so core's are hidden from the dynamic linker, and the link checks that no file
# that talks to libntfs-3g asks for a name that core has as well.

MKIMAGE_SRC    := $(sort $(wildcard mkimage/*.c))
MKIMAGE_OBJ    := $(MKIMAGE_SRC:mkimage/%.c=$(B)/mkimage.o/%.o) $(B)/mkimage.o/blobs.o
MKIMAGE_CFLAGS := $(HOST_CFLAGS) -DVERSION='"$(VERSION)"'
MKIMAGE_CORE   := $(CORE_SRC:stage2/core/%.c=$(B)/mkimage.o/core/%.o)
MKIMAGE_LIBNTFS := $(B)/mkimage.o/volume.o $(B)/mkimage.o/place.o

# All that mkimage stands on, and the boot code inside it, has to be there first.
ifneq ($(and $(wildcard boot/boot.mk),$(wildcard stage2/core/boot.c)),)
all: $(B)/mkimage $(B)/tools/fragment
else
all: $(MKIMAGE_OBJ:%/blobs.o=%/main.o)
endif

$(B)/mkimage.o/%.o: mkimage/%.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(MKIMAGE_CFLAGS) -c $< -o $@

$(B)/mkimage.o/core/%.o: stage2/core/%.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(CORE_CFLAGS) -O2 -g -fvisibility=hidden -c $< -o $@

$(B)/mkimage.o/blobs.o: mkimage/blobs.S $(B)/mbr.bin $(B)/vbr.bin $(B)/vhdboot.bin
	@mkdir -p $(@D)
	$(call run,AS)$(CC) -I$(B) -c $< -o $@

$(B)/mkimage.o/names: $(MKIMAGE_CORE) $(MKIMAGE_LIBNTFS)
	@nm -u $(MKIMAGE_LIBNTFS) | sed -n 's/.* U \(ntfs_\)/\1/p' | sort -u >$@.asked
	@nm --defined-only $(MKIMAGE_CORE) | sed -n 's/.* T //p' | sort -u >$@.core
	@if comm -12 $@.asked $@.core | grep .; then \
		echo 'mkimage: the names above are in core and in libntfs-3g'; exit 1; fi
	@touch $@

$(B)/mkimage: $(MKIMAGE_OBJ) $(MKIMAGE_CORE) $(B)/mkimage.o/names
	$(call run,LD)$(CC) $(filter %.o,$^) -lntfs-3g -o $@

# For tests: puts a file on a volume in exactly so many pieces.
$(B)/tools/fragment: $(B)/mkimage.o/tools/fragment.o $(filter-out %/main.o,$(MKIMAGE_OBJ)) \
                     $(MKIMAGE_CORE) $(B)/mkimage.o/names
	@mkdir -p $(@D)
	$(call run,LD)$(CC) $(filter %.o,$^) -lntfs-3g -o $@

$(B)/mkimage.o/tools/%.o: tests/tools/%.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(MKIMAGE_CFLAGS) -Imkimage -c $< -o $@
