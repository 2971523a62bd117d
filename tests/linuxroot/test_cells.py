# SPDX-License-Identifier: GPL-2.0-or-later
"""A Linux with its root in the disk: a cell each for the buses, the kinds of images, of disks and of entries.

The small system writes 24 MB of new data, reads them back, and powers off. Afterwards, from outside: the image, NTFS
and the file system are whole, the data are what the system has read, and nothing on the drive changed beside the
image. Where nothing is to be kept, not a byte of the drive changed.
"""
import dataclasses
import os
import subprocess

import pytest
from flash import extents, mkimage, outside, run, tool
from rootdisk import WRITE, boot, check_outside, check_system, check_volume, copy_disk, inner_disk, make_flash

# Each drive's partition.
CLAIMED = """
step claimed sh -c 'for d in $(sed -n "s/^drive  .*, //p" /run/info); do mount -t ext4 -o ro /dev/$d /mnt; done'
"""
SMALL_SECONDS = 300


@dataclasses.dataclass
class Cell:
    """What is started, and how."""
    name: str
    bus: str = "ahci"
    kinds: tuple = ()                       # of the disk inside (tests/guest/linuxroot.py)
    config: str = ""                        # more lines of the entry
    words: str = ""                         # for the kernel
    image: str = "disk.vhd"
    convert: tuple = ()                     # options of `vhd convert`
    beside: tuple = ()                      # the buses of other drives, an NTFS volume on each
    memory: int = 512
    kept: bool = True                       # what is written is there afterwards

    def raw(self):
        return tool("tests/linuxroot" + "".join("-" + kind for kind in self.kinds) + ".raw")

    def device(self):
        return "/dev/mapper/guest-root" if "lvm" in self.kinds else "/dev/nbd0p1"

    def system(self):
        return "xfs" if "xfs" in self.kinds else "ext4"


CELLS = [
    Cell("usb3-storage", bus="usb-xhci"),
    Cell("nvme-beside", bus="usb-xhci", beside=("nvme",)),
    Cell("usb2", bus="usb-ehci"),
    Cell("vhdx-dynamic", image="disk.vhdx", convert=("--block-size", "2M")),
    Cell("hide", config="hide = yes\n"),
    Cell("gpt", kinds=("gpt",)),
    Cell("xfs", kinds=("xfs",)),
    Cell("lvm", kinds=("lvm",)),
    Cell("dracut", kinds=("dracut",)),
    Cell("nvme", bus="nvme"),
    Cell("virtio", bus="virtio"),
    Cell("ide", bus="ide"),
    Cell("vhdx-usb3", bus="usb-xhci", image="disk.vhdx"),
    Cell("dracut-usb3", bus="usb-xhci", kinds=("dracut",)),
    Cell("discard", config="write = discard\n", memory=1024, kept=False),
    Cell("ram", config="ram = yes\n", memory=1024, kept=False),
]


def drives(shop, cell):
    """The other drives, with nothing on them that concerns us."""
    paths = []
    for number, bus in enumerate(cell.beside):
        volume = shop.volume(40, name=f"other{number}.volume")
        paths.append((shop.partitioned(volume, f"other{number}.img"), bus))
    return paths


def content(path):
    return outside(path, [])


def check_report(cell, report):
    assert f"{cell.device()} / {cell.system()} rw" in report["root"]
    if "lvm" not in cell.kinds:                 # GRUB does not write there
        assert "by=grub" in report["grubenv"]
    assert report["processes"].count("@") == 2
    assert report.status("write") == 0, report["write"]
    if "ram" not in cell.config:
        assert "Device or resource busy" in report["mount"], "the volume is not claimed"


@pytest.mark.timeout(2 * SMALL_SECONDS)
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_cell(cell, shop, qemu, record_property):
    raw = copy_disk(shop, cell.raw(), WRITE, cell.words)
    flash = make_flash(shop, raw, cell.config, image=cell.image, options=cell.convert)
    os.unlink(raw)
    others = drives(shop, cell)
    image = extents(flash, "/" + cell.image) if cell.kept else []
    before, others_before = outside(flash, image), [content(path) for path, _ in others]
    report = boot(shop, qemu, flash, cell.bus, SMALL_SECONDS, memory=cell.memory, extra=others)
    check_report(cell, report)
    assert outside(flash, image) == before, "the drive outside the image"
    assert [content(path) for path, _ in others] == others_before, "another drive"
    if cell.kept:
        check_outside(shop, flash, {"a": report.sum("write")}, cell.image, cell.kinds)
    record_property("seen", report["root"].strip())


@pytest.mark.timeout(2 * SMALL_SECONDS)
def test_fragments(shop, qemu):
    """A fixed VHD in 1,000 pieces."""
    raw, disk = copy_disk(shop, tool("tests/linuxroot.raw"), WRITE), shop.path("disk.vhd")
    mkimage("vhd", "convert", raw, disk, "--kind", "fixed")
    os.unlink(raw)
    flash = shop.formatted(disk, pieces=1000, config="[linux]\nvhd = \\disk.vhd\n")
    os.unlink(disk)
    image = extents(flash)
    assert len(image) == 1000
    before = outside(flash, image)
    report = boot(shop, qemu, flash, "usb-xhci", SMALL_SECONDS)
    check_report(Cell("fragments"), report)
    assert outside(flash, image) == before, "the drive outside the image"
    check_outside(shop, flash, {"a": report.sum("write")})


@pytest.mark.timeout(2 * SMALL_SECONDS)
def test_child(shop, qemu):
    """A child of depth 3 on the stick; its base on a drive that cannot be written to."""
    raw = copy_disk(shop, tool("tests/linuxroot.raw"), WRITE + CLAIMED)
    chain = [shop.path(f"{name}.vhd") for name in ("base", "one", "two", "disk")]
    mkimage("vhd", "convert", raw, chain[0])
    os.unlink(raw)
    for parent, child in zip(chain, chain[1:]):
        mkimage("vhd", "create", child, "--parent", parent)
    mkimage("reserve", chain[-1], "--size", "64M")     # all that is written needs a block here
    base = shop.formatted(chain[0], to="/base.vhd", name="base.img", config="[none]\nvhd = \\base.vhd\n")
    serial = run("blkid", "-p", "-O", str(1 << 20), "-s", "UUID", "-o", "value", base).strip()
    flash = shop.stick(f"[linux]\nvhd = \\disk.vhd\nparent = {serial}:\\base.vhd\n",
                       {f"/{name}.vhd": shop.path(f"{name}.vhd") for name in ("one", "two", "disk")}, mib=200)
    image, before_base = extents(flash), content(base)
    before = outside(flash, image)
    drive = f"if=none,id=base,format=raw,readonly=on,file={base}"
    report = boot(shop, qemu, flash, "ahci", SMALL_SECONDS,
                  options=["-drive", drive, "-device", "virtio-blk-pci,drive=base,bootindex=9"])
    assert "/dev/nbd0p1 / ext4 rw" in report["root"]
    assert report.status("write") == 0, report["write"]
    assert report["claimed"].count("Device or resource busy") == 2, "a volume is not claimed"
    assert report["info"].count("parent ") == 3
    assert outside(flash, image) == before, "the drive outside the leaf"
    assert content(base) == before_base
    with open(chain[-1], "wb") as out:          # beside its parents, on the host
        subprocess.run([tool("mkimage"), "cat", f"{flash}:/disk.vhd"], stdout=out, check=True)
    mkimage("vhd", "check", chain[-1])
    check_system(shop, inner_disk(shop, flash, ("--drive", base)), {"a": report.sum("write")})
    check_volume(shop, flash)


@pytest.mark.timeout(2 * SMALL_SECONDS)
def test_none(shop, qemu):
    """write = none: the root is read-only, and the system comes up all the same."""
    flash = make_flash(shop, copy_disk(shop, tool("tests/linuxroot.raw"), WRITE), "write = none\n")
    before = content(flash)
    report = boot(shop, qemu, flash, "ahci", SMALL_SECONDS)
    assert "/dev/nbd0p1 / ext4 ro" in report["root"]
    assert report.status("write") != 0
    assert content(flash) == before


@pytest.mark.timeout(4 * SMALL_SECONDS)
def test_plain(shop, qemu):
    """The same image from the stick, and then as a plain disk, as a hypervisor would start it."""
    flash = make_flash(shop, copy_disk(shop, tool("tests/linuxroot.raw"), WRITE))
    told = boot(shop, qemu, flash, "usb-xhci", SMALL_SECONDS).sum("write")
    inner = inner_disk(shop, flash)
    steps = "step again md5sum /a\nstep write dd if=/dev/zero of=/b bs=1M count=4\n"
    plain = copy_disk(shop, inner, steps, name="p.raw")
    os.unlink(inner)
    report = boot(shop, qemu, plain, "ahci", SMALL_SECONDS)
    assert "/dev/sda1 / ext4 rw" in report["root"]
    assert "This system was not started by vhdboot." in report["info"]
    assert "@" not in report["processes"]
    assert report.sum("again") == told and report.status("write") == 0
    check_system(shop, plain, {"a": told})
    check_volume(shop, flash)
