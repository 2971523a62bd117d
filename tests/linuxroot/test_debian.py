# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole Debians with systemd, their root in the disk: up to the last unit, 500 MB written and read, switched off;
and one that gets the package of another kernel, GRUB and its menu anew, and starts once more from those.
"""
import os
import re

import pytest
from flash import extents, outside, run, tool
from initramfs import CACHE
from rootdisk import boot, check_outside, copy_disk, make_flash

SECONDS = 1500
RENEW_SECONDS = 3600                    # thousands of processes make an initramfs
WRITE = ("step write sh -c 'dd if=/dev/urandom of=/data bs=1M count=500 && sync && echo 3 > /proc/sys/vm/drop_caches"
         " && md5sum /data'\n")
# The menu that update-grub makes is Debian's own: it waits five seconds, and is quiet.
RENEW = r"""
if [ ! -e /renewed ]; then
touch /renewed
echo 'GRUB_CMDLINE_LINUX="console=ttyS0,115200 lockdown=integrity"' >> /etc/default/grub
step kernel env DEBIAN_FRONTEND=noninteractive dpkg -i /kernel.deb
rm /kernel.deb
step install grub-install /dev/disk/by-id/vhdboot
step menu update-grub
else
step words cat /proc/cmdline
step lock cat /sys/kernel/security/lockdown
step kernel uname -r
""" + WRITE.replace("count=500", "count=200") + "fi\n"


def came_up(report):
    assert re.search(r"^/dev/nbd0p1 +ext4 +rw,", report["root"], re.MULTILINE), report["root"]
    assert report["where"].strip() == "/dev/nbd0" and report["part"].strip() == "/dev/nbd0p1"
    assert report["hibernate"].strip() == "/dev/null"
    assert "masked" in report["masked"]
    assert report["failed"].strip() == ""


@pytest.mark.timeout(4 * SECONDS)
@pytest.mark.parametrize("disk, bus", [("debian-initramfs-tools", "usb-xhci"), ("debian-dracut", "ahci")],
                         ids=["debian-initramfs-tools", "debian-dracut"])
def test_debian(disk, bus, shop, qemu):
    raw = copy_disk(shop, tool(f"tests/{disk}.raw"), WRITE)
    flash = make_flash(shop, raw, size="800M")
    os.unlink(raw)
    image = extents(flash)
    before = outside(flash, image)
    report = boot(shop, qemu, flash, bus, SECONDS, memory=768)
    came_up(report)
    assert outside(flash, image) == before, "the drive outside the image"
    check_outside(shop, flash, {"data": report.sum("write")})


@pytest.mark.timeout(4 * RENEW_SECONDS)
@pytest.mark.parametrize("by", ["initramfs-tools", "dracut"], ids=["debian-renewed", "debian-renewed-dracut"])
def test_renewed(by, shop, qemu, record_property):
    """Another kernel, whose package makes its initramfs and GRUB's menu, and grub-install, from inside; then a start
    with all of that; locked down: the boot table is read from the copy that the initramfs' hook has kept."""
    raw, kernel = copy_disk(shop, tool(f"tests/debian-{by}.raw"), RENEW), os.path.join(CACHE, "debian-kernel.deb")
    run("debugfs", "-w", "-R", f"write {kernel} /kernel.deb", f"{raw}?offset={1 << 20}")
    flash = make_flash(shop, raw, size="1200M")
    os.unlink(raw)
    image = extents(flash)
    before = outside(flash, image)
    report = boot(shop, qemu, flash, "ahci", RENEW_SECONDS, memory=768)
    came_up(report)
    for step in ("kernel", "install", "menu"):
        assert report.status(step) == 0, report[step]
    assert outside(flash, image) == before, "the drive outside the image"
    report = boot(shop, qemu, flash, "usb-xhci", SECONDS, memory=768)
    came_up(report)
    assert report["kernel"].strip() in run("dpkg-deb", "-f", kernel, "Package"), "not the other kernel"
    assert "lockdown=integrity" in report["words"] and "[integrity]" in report["lock"]
    assert "a copy in the initramfs" in report["info"]
    assert outside(flash, image) == before, "the drive outside the image"
    check_outside(shop, flash, {"data": report.sum("write")})
    record_property("seen", report["kernel"].strip())
