# SPDX-License-Identifier: GPL-2.0-or-later
"""Real systems boot from a VHD: GRUB and Linux, EXTLINUX and Linux."""
import pytest
from emulator import Qemu
from flash import tool

SECTORS = 131072                        # of all three disks

pytestmark = pytest.mark.takes(25)


def linux(pc):
    pc.wait(r"Linux \S+ is running")
    seen = pc.wait(r"BIOS disk 80h as the kernel was told: (\d+) sectors")
    assert int(seen.group(1)) == SECTORS, "sectors"
    seen = pc.wait(r"Its EDD version: (\S+); cylinders, heads, sectors by AH=08h: (\S+)\.")
    assert seen.groups() == ("0x30", f"{SECTORS // (255 * 63)}/255/63"), "what Linux' edd module says"
    pc.wait("virtual-disk #")


def grub(pc):
    pc.wait("vhdboot")
    pc.wait("GRUB runs from the virtual disk")
    pc.wait(r"GRUB: the SHA-256 sums are right\.")
    linux(pc)


@pytest.mark.parametrize("bus", ["ahci", "usb-ehci"])
def test_grub_and_linux_on(shop, bus):
    with Qemu(shop.flash(tool("demo.vhd")), bus=bus, limit=240) as pc:
        grub(pc)
        pc.send("uname -a; poweroff\r")
        pc.wait_end(60)


def test_grub_and_linux_from_300_pieces_out_of_order(shop):
    with Qemu(shop.formatted(tool("demo.vhd"), pieces=300, options=("--scatter",)), bus="virtio",
              limit=240) as pc:
        grub(pc)


def test_extlinux_and_linux_on_ide(shop):
    with Qemu(shop.flash(tool("tests/extlinux.vhd")), bus="ide", limit=240) as pc:
        pc.wait("EXTLINUX runs from the virtual disk")
        linux(pc)
