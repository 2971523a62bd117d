# SPDX-License-Identifier: GPL-2.0-or-later
# The server of mkimage attach, for a client in a test (tests/attach/lines.c).

ATTACH_LINES := $(B)/attach/lines
CHECK_FILES  += $(ATTACH_LINES)

$(ATTACH_LINES): tests/attach/lines.c $(ATTACH_OBJ)
	@mkdir -p $(@D)
	$(call run,LD)$(CC) $(MKIMAGE_CFLAGS) -static -MF $@.d -MT $@ $(filter %.c %.o,$^) -o $@

# The kernel and the modules of the Linux in which it is attached.
ATTACH_KERNEL := $(B)/attach/kernel/vmlinuz
CHECK_FILES   += $(ATTACH_KERNEL)

$(ATTACH_KERNEL): tests/lib/initramfs.py tests/attach/attach.mk
	$(call run,KERNEL)/usr/bin/python3 $< $(@D) nbd virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev \
	  virtio_pci virtio_blk crc16 mbcache jbd2 crc32c_generic libcrc32c ext4 dm-mod

# The room of an image, as the server of a root sees it (tests/attach/room.c).
ATTACH_ROOM := $(B)/attach/room
CHECK_FILES += $(ATTACH_ROOM)

$(ATTACH_ROOM): tests/attach/room.c $(B)/mkimage.o/guest/room.o $(ATTACH_OBJ)
	@mkdir -p $(@D)
	$(call run,LD)$(CC) $(MKIMAGE_CFLAGS) -static -MF $@.d -MT $@ $(filter %.c %.o,$^) -o $@
