# SPDX-License-Identifier: GPL-2.0-or-later
"""A Linux with its root in the disk that starts another kernel by itself (kexec), or sleeps (suspend to memory)."""
import time

import pytest
from flash import extents, outside, tool
from rootdisk import WRITE, add_program, boot, check_outside, copy_disk, make_flash, report_of, start

SECONDS = 400
ASLEEP_SECONDS = 5

# {end}: what is done before the second kernel starts. It is found again by the table in memory.
KEXEC = r"""
if [ ! -e /first ]; then
dd if=/dev/urandom of=/a bs=1M count=12 2>/dev/null
md5sum /a > /first
{end}
step kexec /bin/kexec /boot/vmlinuz /boot/initrd.img "$(cat /proc/cmdline) second=yes"
else
step words cat /proc/cmdline
step before md5sum -c /first
step write sh -c 'dd if=/dev/urandom of=/b bs=1M count=12 && sync && echo 3 > /proc/sys/vm/drop_caches && md5sum /a /b'
fi
"""
CLEAN = "sync; mount -o remount,ro /"
# The second kernel's boot finds the file system as after a power cut.
RUNNING = "sync; dd if=/dev/urandom of=/c bs=64k count=400 2>/dev/null & sleep 1"


def kexec_disk(shop, end):
    raw = copy_disk(shop, tool("tests/linuxroot.raw"), KEXEC.replace("{end}", end))
    add_program(raw, "tests/kexec", "/bin/kexec")
    return raw


def check_second(report):
    assert "second=yes" in report["words"] and "/dev/nbd0p1 / ext4 rw" in report["root"]
    assert report.status("before") == 0, report["before"]
    assert report.status("write") == 0, report["write"]
    assert report["processes"].count("@") == 2
    assert "Device or resource busy" in report["mount"], "the volume is not claimed"


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("bus, end, config", [("ahci", CLEAN, ""), ("usb-xhci", CLEAN, ""), ("usb-xhci", RUNNING, ""),
                                              ("ahci", CLEAN, "write = discard\n")],
                         ids=["kexec", "kexec-usb3", "kexec-running", "kexec-discard"])
def test_kexec(bus, end, config, shop, qemu):
    """With write = discard the changes stay where the loader has kept them, and the drive as it was."""
    flash = make_flash(shop, kexec_disk(shop, end), config, size="64M")
    image = [] if config else extents(flash)
    before = outside(flash, image)
    report = boot(shop, qemu, flash, bus, SECONDS, memory=1024 if config else 512)
    check_second(report)
    assert outside(flash, image) == before, "the drive outside the image"
    if not config:
        check_outside(shop, flash, {"a": report.sum("write")})


SLEEP = r"""
writes() {
n=0
while [ ! -e /run/woke ]; do
n=$((n + 1)); dd if=/dev/urandom of=/b$((n % 8)) bs=64k count=16 conv=fsync 2>/dev/null; echo $n > /run/written; done
}
writes & sleep 2
echo "good night" > /dev/ttyS0
step before cat /run/written
step sleep sh -c 'echo mem > /sys/power/state'
sleep 4
touch /run/woke; wait
step after cat /run/written
""" + WRITE + """
step late md5sum /b1
step log sh -c 'dmesg | grep -E "PM: suspend|nbd|vhdboot|I/O error"'
"""


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("bus", ["ahci", "usb-xhci"], ids=["sleep", "sleep-usb3"])
def test_sleeps(bus, shop, qemu):
    """It sleeps and wakes up while it writes."""
    flash = make_flash(shop, copy_disk(shop, tool("tests/linuxroot.raw"), SLEEP), size="80M")
    image = extents(flash)
    before = outside(flash, image)
    pc = start(shop, qemu, flash, bus, SECONDS)
    pc.wait("good night", 200)
    end = time.monotonic() + 90
    while pc.qmp("query-status")["status"] != "suspended":
        assert time.monotonic() < end, "it does not sleep: " + pc.log[-2000:]
        time.sleep(0.5)
    time.sleep(ASLEEP_SECONDS)
    pc.qmp("system_wakeup")
    pc.wait_end(SECONDS)
    report = report_of(shop, pc)
    assert report.status("sleep") == 0, report["sleep"] + report["log"]
    assert 0 < int(report["before"]) < int(report["after"]), "it did not write before and after"
    assert "I/O error" not in report["log"], report["log"]
    assert outside(flash, image) == before, "the drive outside the image"
    check_outside(shop, flash, {"a": report.sum("write"), "b1": report.sum("late")})
