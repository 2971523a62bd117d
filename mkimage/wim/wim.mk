# SPDX-License-Identifier: GPL-2.0-or-later
# What applies WIMs, inside mkimage as a shared object by itself (wim.h says why). Where libwim's headers are not, there
# is none, and mkimage windows apply says so.

WIM_SO  := $(B)/wim.so
WIM_OBJ := $(B)/wim/wim/wim.o $(B)/wim/ntfs/io.o
# io.c there is the same, on a device that is two functions of the caller.
WIM_CFLAGS = $(MKIMAGE_CFLAGS) -fPIC -fvisibility=hidden -Ddevice_pread=wim_device_pread -Ddevice_pwrite=wim_device_pwrite

$(B)/wim/wim/wim.o: mkimage/wim/wim.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(MKIMAGE_CFLAGS) -fPIC -c $< -o $@

$(B)/wim/ntfs/io.o: mkimage/ntfs/io.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(WIM_CFLAGS) -c $< -o $@

ifneq ($(and $(wildcard /usr/include/wimlib.h),$(wildcard /usr/include/ntfs-3g/volume.h)),)
# One that was made before libwim's headers came is empty, and nothing in it is older than anything.
$(shell if [ -e $(WIM_SO) ] && [ ! -s $(WIM_SO) ]; then rm -f $(WIM_SO) $(B)/mkimage.o/blobs.o $(B)/mkimage; fi)
$(WIM_SO): $(WIM_OBJ)
	@mkdir -p $(@D)
	$(call run,LD)$(CC) -shared -Wl,-z,defs -Wl,--defsym=ntfs_mount=wim_ntfs_mount $^ -lwim -lntfs-3g -o $@
else
$(WIM_SO):
	@mkdir -p $(@D)
	$(call run,WIM)echo '         without libwim: mkimage windows apply will say so'; : > $@
endif
