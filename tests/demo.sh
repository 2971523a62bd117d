#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Boots a flash image as a USB stick in QEMU, in this terminal. usage: tests/demo.sh IMAGE
# The image file is not changed.
set -eu
image=${1:?usage: tests/demo.sh IMAGE}
cat <<END

Starting QEMU with $image as a USB stick. Its BIOS has no text screen here but
this terminal. What happens: BIOS, MBR, NTFS boot record, vhdboot, and then, inside the VHD, GRUB
and Linux. Ctrl-A X ends QEMU, poweroff in Linux' shell does as well.

END
exec qemu-system-x86_64 -accel tcg -machine pc -m 256 -nographic -nodefaults -no-user-config -vga std \
    -chardev stdio,id=com1,mux=on,signal=off -serial chardev:com1 -mon chardev=com1 \
    -drive if=none,id=stick,format=raw,snapshot=on,file="$image" \
    -device usb-ehci,id=usb -device usb-storage,bus=usb.0,drive=stick,bootindex=1
