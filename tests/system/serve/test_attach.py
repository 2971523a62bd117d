# SPDX-License-Identifier: GPL-2.0-or-later
"""mkimage attach, detach and attached: on this machine what is refused, and in a Linux of QEMU the whole.

One machine runs all steps of a script, each of them printed with what it said and its exit status; the tests
look at one step or a few.
"""
import json
import os
import re
import shutil
import signal
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
import flash                                                                    # noqa: E402
from emulator import Qemu                                                       # noqa: E402
from initramfs import Cpio                                                      # noqa: E402
from tools import BUILD, MKIMAGE, mkimage, run                                  # noqa: E402

KERNEL = os.path.join(BUILD, "attach", "kernel")
MODULES = ("virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk "
           "crc16 mbcache jbd2 crc32c_generic libcrc32c ext4").split()
SIZE = 96 << 20

pytestmark = [pytest.mark.xdist_group("attach"), pytest.mark.takes(40)]

INIT = r"""#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
echo 3 > /proc/sys/kernel/printk
for module in MODULES; do insmod /lib/$module.ko; done
step() { name=$1; shift; echo "== $name"; "$@" 2>&1; echo "-- $?"; }
daemon() { sed 's/.*"pid": \([0-9]*\).*/\1/' /attached; }
mkimage vhd create /d.vhdx --size 96M
echo
step no-module mkimage attach /d.vhdx
insmod /lib/nbd.ko
step attach mkimage attach /d.vhdx
mkimage attached --json > /attached
step attached cat /attached
step again mkimage attach /d.vhdx
step again-read mkimage attach /d.vhdx --read-only
step backend cat /sys/block/nbd0/backend
printf 'n\np\n1\n2048\n+32M\nn\np\n2\n67584\n\nw\n' | fdisk -u /dev/nbd0 > /dev/null 2>&1
step detach mkimage detach /dev/nbd0
step gone cat /proc/$(daemon)/cmdline
step attached-none mkimage attached
step attach-3 mkimage attach /d.vhdx --device /dev/nbd3
step partitions mkimage attached
step nodes ls /dev/nbd3p1 /dev/nbd3p2
mke2fs -F /dev/nbd3p2 > /dev/null 2>&1
mkdir /mnt
mount -t ext4 -o discard /dev/nbd3p2 /mnt
dd if=/dev/urandom of=/mnt/data bs=64k count=200 2> /dev/null
sha256sum < /mnt/data > /sum
mkimage attached --json > /attached
step argv sh -c "head -c 8 /proc/$(daemon)/cmdline; echo"
step manners grep -E 'VmLck|SigIgn' /proc/$(daemon)/status
step oom cat /proc/$(daemon)/oom_score_adj
step session sh -c "cut -d' ' -f 6 /proc/$(daemon)/stat; readlink /proc/$(daemon)/cwd; readlink /proc/$(daemon)/fd/2"
kill -TERM $(daemon); kill -HUP $(daemon); sleep 1
step alive cat /sys/block/nbd3/pid
step mounted mkimage detach /dev/nbd3
step stopped sh -c "kill -STOP $(daemon); sleep 1; cat /sys/block/nbd3/size; kill -CONT $(daemon)"
rm /mnt/data; dd if=/dev/urandom of=/mnt/data bs=64k count=100 2> /dev/null; sha256sum < /mnt/data > /sum
umount /mnt
step detach-3 mkimage detach nbd3
step check mkimage vhd check /d.vhdx
mkimage vhd create /child.vhdx --parent /d.vhdx
step attach-read-only mkimage attach /d.vhdx --read-only
step attach-read-only-2 mkimage attach /d.vhdx --read-only
step two mkimage attached
mount -t ext4 -o ro /dev/nbd0p2 /mnt
sha256sum < /mnt/data > /sum2
step same cmp /sum /sum2
step written dd if=/dev/zero of=/dev/nbd1 bs=512 count=1
umount /mnt
mkimage detach /dev/nbd0; mkimage detach /dev/nbd1
sha256sum /d.vhdx /child.vhdx > /sum
step its-child mkimage attach /child.vhdx
step parent-held mkimage attach /d.vhdx
mkimage detach /dev/nbd0
step discard env TMPDIR=/ mkimage attach /child.vhdx --discard
step discard-used sh -c "mount -t ext4 /dev/nbd0p2 /mnt && cp /bin/mkimage /mnt/x && umount /mnt"
step discard-detach mkimage detach /dev/nbd0
step untouched sha256sum -c /sum
mkimage attach /child.vhdx > /dev/null
mkimage attached --json > /attached
sync; kill -9 $(daemon); sleep 1
step killed timeout 20 dd if=/dev/nbd0 of=/dev/null bs=4k count=1 iflag=direct
sleep 1
step killed-attached mkimage attached
step killed-detach mkimage detach /dev/nbd0
step after-kill mkimage attach /child.vhdx
mkimage detach /dev/nbd0
step stick mkimage attach /dev/vda --entry disk
step stick-attached mkimage attached --json
step stick-again mkimage attach /dev/vda --entry disk
step stick-mount mount -t ext4 /dev/nbd0p1 /mnt
sha256sum < /bin/busybox > /sum
cp /bin/busybox /mnt/x; umount /mnt
step stick-detach mkimage detach /dev/nbd0
mkimage attach /dev/vda --entry disk --read-only
mount -t ext4 -o ro /dev/nbd0p1 /mnt && sha256sum < /mnt/x > /sum2
step stick-same cmp /sum /sum2
umount /mnt; mkimage detach /dev/nbd0
step sum-before mkimage verify /dev/vda
step sum-attach mkimage attach /dev/vda:/other.vhd
dd if=/bin/busybox of=/dev/nbd0 bs=64k count=1 oflag=direct 2> /dev/null
kill -9 $(cat /sys/block/nbd0/pid); sleep 1; mkimage detach /dev/nbd0
step sum-after mkimage verify /dev/vda
insmod /lib/dm-mod.ko
map() { dmsetup create over --noudevsync --table "0 $(cat /sys/block/vda/size) linear /dev/vda 0" && dmsetup mknodes; }
step mapped map
step below-node ls /dev/mapper/over
step below-mapper mkimage attach /dev/vda --entry disk
step below-mapper-read mkimage attach /dev/vda --entry disk --read-only
mkimage detach /dev/nbd0
step mapper mkimage attach /dev/mapper/over --entry disk
step mapper-held dmsetup remove --noudevsync over
mount -t ext4 -o ro /dev/nbd0p1 /mnt && sha256sum < /mnt/x > /sum2
umount /mnt
step mapper-same cmp /sum /sum2
step mapper-detach mkimage detach /dev/nbd0
step unmapped dmsetup remove --noudevsync over
step foreign mkimage detach /dev/nbd5
echo "== end"
poweroff -f
"""


def stick(folder):
    """A flash with a dynamic VHD that has an ext4 partition and room for more."""
    shop = flash.Workshop(str(folder))
    disk, raw, table = shop.path("disk.vhd"), shop.path("raw"), shop.path("table")
    with open(table, "w", encoding="ascii") as out:
        out.write("2048,,L\n")
    with open(raw, "wb") as file, open(table, "rb") as lines:
        file.truncate(SIZE)
        run("sfdisk", "-q", raw, stdin=lines)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-E", "offset=1048576", raw, f"{(SIZE >> 10) - 1024}k")
    mkimage("vhd", "convert", raw, disk)
    name = shop.flash(disk, options=["--reserve", "32M", "--size", "256M"])
    mkimage("vhd", "create", shop.path("other.vhd"), "--size", "4M", "--kind", "fixed")
    mkimage("add", name, "--vhd", shop.path("other.vhd"), "--write", "none", "--reserve", "none")
    return name


@pytest.fixture(scope="module", name="machine")
def machine_run(tmp_path_factory):
    """The folder in which the machine ran: drive, log."""
    folder = tmp_path_factory.mktemp("attach")
    drive = stick(folder)
    initrd = Cpio()
    initrd.system(INIT.replace("MODULES", " ".join(MODULES)))
    for name in (*MODULES, "nbd", "dm-mod"):
        initrd.file(f"lib/{name}.ko", os.path.join(KERNEL, f"{name}.ko"))
    initrd.program("bin/mkimage", MKIMAGE)
    initrd.program("bin/dmsetup", shutil.which("dmsetup", path="/usr/sbin:/sbin:/usr/bin:/bin"))
    initrd.save(str(folder / "initrd"))
    with Qemu(drive, bus="virtio", memory=512, write=True, limit=240,
              options=["-kernel", os.path.join(KERNEL, "vmlinuz"), "-initrd", str(folder / "initrd"),
                       "-append", "console=ttyS0,115200 quiet panic=-1"]) as pc:
        pc.wait("^== end")
        pc.wait_end(60)
    os.rename(drive, str(folder / "drive"))
    (folder / "log").write_text(pc.log)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module", name="log")
def machine_log(machine):
    """Each step's exit status, and what it said."""
    steps = re.findall(r"^== (\S+)\n(.*?)^-- (\d+)$", (machine / "log").read_text(), re.MULTILINE | re.DOTALL)
    return {name: (int(status), text.strip()) for name, text, status in steps}


# --- This machine, which may have no NBD

def test_what_is_refused_before_the_kernel_is_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    vhd = str(tmp_path / "d.vhd")
    mkimage("vhd", "create", vhd, "--size", "4M")
    for arguments, status, words in (
            (("attach", vhd, "--read-only", "--discard"), 2, "choose one"),
            (("attach", vhd, "--device", "/dev/sda"), 2, "not of the form /dev/nbdN"),
            (("attach", "missing.vhd"), 1, "missing.vhd: No such file"),
            (("detach", "/dev/sda"), 2, "not of the form /dev/nbdN"),
            (("detach", "/dev/nbd1000"), 1, "no device that mkimage attached")):
        said = mkimage(*arguments, status=status).stderr.decode()
        assert words in said and len(said.splitlines()) == 1, said


def test_without_root(tmp_path):
    vhd = str(tmp_path / "d.vhd")
    mkimage("vhd", "create", vhd, "--size", "4M")
    command = [MKIMAGE, "attach", vhd]
    if os.geteuid() == 0:                               # somebody else, who still may go into every folder
        command = ["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=+dac_override",
                   "--ambient-caps=+dac_override", *command]
    text = run(*command, status=1).stderr.decode()
    assert re.fullmatch(r"mkimage: only root may attach a disk\. .*nbdfuse .*\.\n", text), text


def test_attached_is_json():
    assert isinstance(json.loads(mkimage("attached", "--json").stdout)["devices"], list)


# --- The machine


def said(log, step, status=0):
    assert log[step][0] == status, log[step]
    return log[step][1]


def test_no_module(log):
    assert re.search(r"no NBD client \(its module is nbd\)\. .*nbdfuse", said(log, "no-module", 1))


def test_names_and_list(log):
    assert said(log, "attach") == "/dev/nbd0"
    assert json.loads(said(log, "attached"))["devices"] == [{
        "device": "/dev/nbd0", "image": "/d.vhdx", "entry": None, "write": "persistent", "size": SIZE,
        "partitions": [], "pid": json.loads(said(log, "attached"))["devices"][0]["pid"], "served": True}]
    assert said(log, "backend").split("\t") == ["vhdboot", "persistent", "", "/d.vhdx"]
    assert said(log, "attached-none") == ""
    assert said(log, "attach-3") == "/dev/nbd3"
    assert said(log, "partitions") == "/dev/nbd3  96 MiB  persistent  2 partitions  /d.vhdx"
    said(log, "nodes")


@pytest.mark.parametrize("step", ["again", "again-read", "parent-held"])
def test_a_second_one_beside_a_writer_is_refused(log, step):
    assert re.fullmatch(r"mkimage: /d.vhdx: is in use by another program, which .*\. End what uses it first: .*\.",
                        said(log, step, 1))


def test_its_manners(log):
    assert said(log, "argv").startswith("@kimage")
    locked, ignored = re.search(r"VmLck:\s+(\d+) kB\nSigIgn:\s+(\w+)", said(log, "manners")).groups()
    assert int(locked) > 4096
    assert all(int(ignored, 16) >> number - 1 & 1 for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE))
    assert said(log, "oom") == "-1000"
    session, place, errors = said(log, "session").split()
    assert session == said(log, "alive"), "it leads its session, and TERM and HUP did not end it"
    assert (place, errors) == ("/", "/dev/null")
    assert said(log, "stopped") == str(SIZE // 512), "the device outlives a stopped server"


def test_detaching(log):
    assert "is mounted at /mnt" in said(log, "mounted", 1)
    said(log, "detach")
    said(log, "gone", 1)                                # it returns when the image is closed
    said(log, "detach-3")
    assert said(log, "check") == "/d.vhdx: dynamic VHDX, clean"
    assert "no device that mkimage attached" in said(log, "foreign", 1)


def test_what_was_written_is_there_and_readers_share(log):
    assert [said(log, step) for step in ("attach-read-only", "attach-read-only-2")] == ["/dev/nbd0", "/dev/nbd1"]
    assert len(said(log, "two").splitlines()) == 2
    said(log, "same")
    assert "not permitted" in said(log, "written", 1)


def test_discard_keeps_nothing(log):
    assert said(log, "discard") == "/dev/nbd0"
    said(log, "discard-used")
    said(log, "discard-detach")
    assert said(log, "untouched") == "/d.vhdx: OK\n/child.vhdx: OK"


def test_killed_server(log):
    """Reads fail at once, nothing hangs, and the image can be attached again."""
    assert log["killed"][0] == 1, log["killed"]
    assert said(log, "killed-attached").endswith("/child.vhdx, its server has ended")
    assert "was not flushed is lost" in said(log, "killed-detach")
    said(log, "after-kill")


def test_an_entry_of_a_stick(log):
    assert said(log, "stick") == "/dev/nbd0"
    one, = json.loads(said(log, "stick-attached"))["devices"]
    assert (one["image"], one["entry"], one["write"]) == ("/dev/vda", "disk", "persistent")
    assert one["partitions"] == ["/dev/nbd0p1"]
    assert re.fullmatch(r"mkimage: /dev/vda: .*busy\. .*\.", said(log, "stick-again", 1))
    for step in ("stick-mount", "stick-detach", "stick-same"):
        said(log, step)


def test_the_sum_of_an_image_that_no_entry_writes_to(log):
    """Kept as one that may have changed before its first byte does, so a server that is killed leaves no riddle."""
    assert said(log, "sum-attach") == "/dev/nbd0"
    assert re.search(r"^ok +\\other.vhd", said(log, "sum-before"), re.MULTILINE)
    expected = r"^changed +\\other.vhd: as expected, it was written to since"
    assert re.search(expected, said(log, "sum-after"), re.MULTILINE)


def test_a_device_mapper_under_it(log):
    """A volume of LVM or the like over a drive: the drive is not written past it, on it all goes as on a drive."""
    assert said(log, "below-node") == "/dev/mapper/over"
    assert "device 254:0 lies on it" in re.sub(r"device \d+:0", "device 254:0", said(log, "below-mapper", 1))
    assert said(log, "below-mapper-read") == "/dev/nbd0"
    assert said(log, "mapper") == "/dev/nbd0"
    assert "busy" in said(log, "mapper-held", 1)
    for step in ("mapper-same", "mapper-detach", "unmapped"):
        said(log, step)


def test_the_stick_afterwards(log, machine):
    """What Linux wrote through the device is in the image on NTFS, for the loader's reader too."""
    disk = str(machine / "disk")
    with open(disk, "wb") as out:
        out.write(run(MKIMAGE, "read", machine / "drive").stdout)
    with open(str(machine / "partition"), "wb") as out, open(disk, "rb") as whole:
        whole.seek(1 << 20)
        out.write(whole.read())
    run("e2fsck", "-fn", machine / "partition")
    run("debugfs", "-R", f"dump x {machine}/x", machine / "partition")
    with open(str(machine / "x"), "rb") as got, open("/bin/busybox", "rb") as busybox:
        assert got.read() == busybox.read()
