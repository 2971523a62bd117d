# SPDX-License-Identifier: GPL-2.0-or-later
"""A Linux with its root in the disk when things go wrong: sticks that come late, at another place, or go away; a
system that stops everything; a kernel that is locked down; hardly any memory.
"""
import re
import time

import pytest
from flash import extents, mkimage, outside, run, tool
from rootdisk import WRITE, boot, check_outside, copy_disk, make_flash, report_of, start

SECONDS = 400
LATE_SECONDS = 20
KERNEL_IS_UP = r"Linux version"
LOUD = "loglevel=7"


def blank(shop):
    path = shop.path("blank.img")
    with open(path, "wb") as file:
        file.truncate(1 << 20)
    return path


def with_stick(shop, qemu, flash, seconds=SECONDS, memory=512):
    """A machine that starts from a stick on USB 3 that can be pulled; QEMU keeps its file open meanwhile."""
    node = f"driver=raw,node-name=stick,file.driver=file,file.filename={flash}"
    return start(shop, qemu, blank(shop), "virtio", seconds, memory=memory,
                 options=["-blockdev", node, "-device", "qemu-xhci,id=xhci,p2=8,p3=8",
                          "-device", "usb-storage,id=stick,bus=xhci.0,drive=stick,bootindex=0"])


def pull(pc, seconds=30):
    pc.qmp("device_del", id="stick")
    end = time.monotonic() + seconds
    while any(one.get("qdev", "").startswith("/machine/peripheral/stick") for one in pc.qmp("query-block")):
        assert time.monotonic() < end, "the stick cannot be pulled"
        time.sleep(0.1)


def put_in(pc, seconds=30, **device):
    """QEMU lets go of the file a little later than it says."""
    end = time.monotonic() + seconds
    while True:
        try:
            return pc.qmp("device_add", id="stick2", drive="stick", **device)
        except RuntimeError as wrong:
            assert "conflict" in str(wrong) and time.monotonic() < end, wrong
            time.sleep(0.2)


def put_in_storage(pc):
    put_in(pc, driver="usb-storage", bus="xhci.0")


def put_in_uas(pc):
    """Its disk first, and then the plug."""
    pc.qmp("device_add", driver="usb-uas", id="uas", bus="xhci.0")
    put_in(pc, driver="scsi-hd", bus="uas.0")
    pc.qmp("qom-set", path="/machine/peripheral/uas", property="attached", value=True)


def through(shop, pc, flash, before, image):
    """It came up and wrote, and everything is as it should be afterwards."""
    pc.wait_end(SECONDS)
    report = report_of(shop, pc)
    assert "/dev/nbd0p1 / ext4 rw" in report["root"]
    assert outside(flash, image) == before, "the drive outside the image"
    check_outside(shop, flash, {"a": report.sum("write")})
    return report


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("how, seconds", [("uas", 0), ("late", LATE_SECONDS)], ids=["usb3-uas", "late"])
def test_put_in_again(how, seconds, shop, qemu, record_property):
    """The BIOS has started it by usb-storage; the kernel meets it later, or by UAS, of which SeaBIOS can nothing."""
    flash = make_flash(shop, copy_disk(shop, tool("tests/linuxroot.raw"), WRITE, LOUD))
    image = extents(flash)
    before = outside(flash, image)
    pc = with_stick(shop, qemu, flash)
    pc.wait(KERNEL_IS_UP)
    pull(pc)
    if seconds:
        pc.wait(r"no drive holds the volume that was started from.*Waiting for it")
        time.sleep(seconds)
    (put_in_uas if how == "uas" else put_in_storage)(pc)
    through(shop, pc, flash, before, image)
    if how == "uas":
        record_property("seen", re.search(r"scsi host\d+: uas", pc.log)[0])


PULLED = r"""
mount -t tmpfs none /mnt && cp /bin/busybox /sbin/vhdboot-attach /mnt && /mnt/busybox --install -s /mnt
cat > /mnt/rest <<'END'
PATH=/mnt
step() { name=$1; shift; echo "== $name"; "$@" 2>&1; echo "-- $?"; }
step write sh -c 'dd if=/dev/urandom of=/a bs=1M count=8 && sync && md5sum /a'
echo "pull it" > /dev/ttyS0
for i in $(seq 100); do
echo 3 > /proc/sys/vm/drop_caches; dd if=/a of=/dev/null bs=1M 2>/dev/null || break; sleep 1
done
echo "reading fails" > /dev/ttyS0
step read sh -c 'dd if=/a of=/dev/null bs=1M'
step lost sh -c 'echo x > /c && sync /c'
step console sh -c 'echo "the console lives" > /dev/ttyS0'
step info vhdboot-attach info
echo "== end"
poweroff -f
END
exec /mnt/busybox sh /mnt/rest
"""


# Nothing that runs may come from the disk itself: what is not in memory then ends with "bus error".
@pytest.mark.timeout(2 * SECONDS)
def test_pulled(shop, qemu):
    """Errors, and soon; the console goes on. What was synced is there."""
    flash = make_flash(shop, copy_disk(shop, tool("tests/linuxroot.raw"), PULLED))
    pc = with_stick(shop, qemu, flash)
    pc.wait("pull it", 200)
    pull(pc)
    began = time.monotonic()
    pc.wait("reading fails", 90)
    pc.wait("the console lives", 90)
    assert time.monotonic() - began < 90
    pc.wait_end(120)
    report = report_of(shop, pc)
    assert report.status("read") != 0 and "Input/output error" in report["read"]
    assert report.status("lost") != 0
    assert report.status("info") != 0 and "no drive holds the volume that was started from" in report["info"]
    mkimage("vhd", "check", f"{flash}:/disk.vhd")


@pytest.mark.timeout(2 * SECONDS)
def test_ram_pulled(shop, qemu):
    """ram = yes needs no stick once it has started."""
    steps = "echo 'pull it' > /dev/ttyS0\nsleep 8\n" + WRITE
    flash = make_flash(shop, copy_disk(shop, tool("tests/linuxroot.raw"), steps), "ram = yes\n")
    before = outside(flash, [])
    pc = with_stick(shop, qemu, flash, memory=1024)
    pc.wait("pull it", 300)
    pull(pc)
    pc.wait_end(SECONDS)
    report = report_of(shop, pc)
    assert "/dev/nbd0p1 / ext4 rw" in report["root"]
    assert report.status("write") == 0 and report.sum("write")
    assert outside(flash, []) == before, "the drive"


STOPPED = r"""
dd if=/dev/urandom of=/b bs=64k count=160 2>/dev/null & sleep 1
kill -STOP -1
sleep 3
step stopped sh -c 'grep -l "^State:.T" /proc/[0-9]*/status | wc -l'
kill -CONT -1
wait
""" + WRITE + "step late md5sum /b\n"


@pytest.mark.timeout(2 * SECONDS)
def test_stopped(shop, qemu):
    """SIGSTOP to every process, as a shutdown does, those that serve the disk too; then they go on."""
    flash = make_flash(shop, copy_disk(shop, tool("tests/linuxroot.raw"), STOPPED))
    image = extents(flash)
    before = outside(flash, image)
    report = boot(shop, qemu, flash, "usb-xhci", SECONDS)
    assert int(report["stopped"]) >= 2, "nothing was stopped"
    assert outside(flash, image) == before, "the drive outside the image"
    check_outside(shop, flash, {"a": report.sum("write"), "b": report.sum("late")})


HUNGRY = r"""
mount -t tmpfs -o size=95% none /mnt
free() { sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo; }
for i in $(seq 400); do [ $(free) -lt 40000 ] && break; dd if=/dev/zero of=/mnt/$i bs=1M count=1 2>/dev/null; done
step hungry sh -c 'grep MemAvailable /proc/meminfo'
step write sh -c 'dd if=/dev/urandom of=/a bs=1M count=28 && sync && md5sum /a'
step again sh -c 'for i in 1 2 3; do
dd if=/a of=/b bs=1M count=20 && sync && cmp -n 20971520 /a /b || exit 1; rm /b
done'
"""


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("bus", ["ahci", "usb-xhci"], ids=["hungry-ahci", "hungry-usb3"])
def test_hungry(bus, shop, qemu, record_property):
    """40 MB of memory are left, less than what is written into new blocks."""
    flash = make_flash(shop, copy_disk(shop, tool("tests/linuxroot.raw"), HUNGRY), size="64M")
    image = extents(flash)
    before = outside(flash, image)
    report = boot(shop, qemu, flash, bus, SECONDS, memory=256)
    assert report.status("write") == 0 and report.status("again") == 0, report.text
    assert "Out of memory" not in report.text
    assert outside(flash, image) == before, "the drive outside the image"
    check_outside(shop, flash, {"a": report.sum("write")})
    record_property("seen", report["hungry"].strip())


NO_SERIAL = b"0000000000000000"


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("path", ["/disk.vhd", "\\disk.vhd"], ids=["lockdown-slash", "lockdown-backslash"])
def test_locked_down(path, shop, qemu, record_property):
    """Nobody may look into memory: the image is named on the kernel's command line."""
    words = f"lockdown=integrity vhdboot={NO_SERIAL.decode()}:{path}"
    steps = WRITE + "step words cat /proc/cmdline\n"
    flash = make_flash(shop, copy_disk(shop, tool("tests/linuxroot.raw"), steps, words))
    serial = run("blkid", "-p", "-O", str(1 << 20), "-s", "UUID", "-o", "value", flash).strip().encode()
    with open(flash, "r+b") as file:
        content = file.read()
        assert content.count(b"vhdboot=" + NO_SERIAL) == 1
        file.seek(content.index(b"vhdboot=" + NO_SERIAL) + len(b"vhdboot="))
        file.write(serial)
    image = extents(flash)
    before = outside(flash, image)
    report = boot(shop, qemu, flash, "ahci", SECONDS)
    assert "/dev/nbd0p1 / ext4 rw" in report["root"]
    assert "on the kernel's command line" in report["info"]
    assert outside(flash, image) == before, "the drive outside the image"
    check_outside(shop, flash, {"a": report.sum("write")})
    record_property("seen", re.search(r"vhdboot=\S+", report["words"])[0])
