#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What stage2 says on the machine's screen: menu, config complaints, and a sentence for each failure.

The disks are made with ntfs-3g's own tools, so that nothing of mkimage is needed. The guest is one boot
sector that says "guest: NAME".
"""
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import vhd                                                                          # noqa: E402
from emulator import Qemu, read_error                                               # noqa: E402
from report import check, check_equal, end, need, test                              # noqa: E402

BUILD = os.environ.get("B") or os.path.join(ROOT, "build")
FIRST = 2048                            # LBA of the partition
SECTOR = 512
CLUSTER = 8                             # sectors

GUEST = """
        bits 16
        org 0x7c00
        xor ax, ax
        mov ds, ax
        mov si, text
next:   lodsb
        test al, al
        jz $
        mov ah, 0x0e
        mov bx, 7
        int 0x10
        jmp next
text:   db 13, 10, "guest: NAME", 13, 10, 0
        times 510 - ($ - $$) db 0
        dw 0xaa55
"""


def build(name):
    with open(os.path.join(BUILD, name), "rb") as file:
        return file.read()


class Disk:
    """A partitioned disk with one NTFS volume, boot code, vhdboot.bin and `files` in its root."""

    def __init__(self, folder, files, size=48, stage2=None):
        self.path = os.path.join(folder, "disk.img")
        self.part = os.path.join(folder, "part.img")
        self.folder = folder
        with open(self.part, "wb") as part:
            part.truncate((size - 1) << 20)
        self._run("mkntfs", "-q", "-F", "-Q", "-c", "4096", "-p", str(FIRST), "-H", "255", "-S", "63", self.part)
        self._copy("vhdboot.bin", build("vhdboot.bin") if stage2 is None else stage2)
        for name, content in files.items():
            self._copy(name, content)
        self._boot_code(size)

    @staticmethod
    def _run(*command, **more):
        return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout

    def _copy(self, name, content):
        source = os.path.join(self.folder, "source")
        with open(source, "wb") as file:
            file.write(content)
        self._run("ntfscp", "-q", "-f", self.part, source, name)

    def _boot_code(self, size):
        with open(self.part, "r+b") as part:
            record = bytearray(build("vbr.bin"))
            record[3:84] = part.read(84)[3:]
            part.seek(0)
            part.write(record)
        with open(self.path, "wb") as disk:
            disk.truncate(size << 20)
        self._run("sfdisk", "-q", self.path, input=f"{FIRST},,7,*\n")
        self._run("dd", f"if={self.part}", f"of={self.path}", "bs=1M", "seek=1", "conv=notrunc,sparse")
        with open(self.path, "r+b") as disk:
            disk.write(build("mbr.bin"))

    def lba(self, name, sector=0):
        """Where a sector of the file lies on the disk, as ntfs-3g sees it."""
        lines = self._run("ntfscluster", "-f", "-F", name, self.part).splitlines()
        at = next(n for n, line in enumerate(lines) if line.split() == ["VCN", "LCN", "Length"])
        for line in lines[at + 1:]:
            vcn, lcn, length = (int(word) for word in line.split())
            if vcn <= sector // CLUSTER < vcn + length:
                return FIRST + lcn * CLUSTER + sector - vcn * CLUSTER
        raise ValueError(f"{name} has no sector {sector}")


def image(name="NAME", sectors=4096):
    """A fixed VHD whose boot sector says its name."""
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "guest.asm")
        with open(source, "w", encoding="ascii") as file:
            file.write(GUEST.replace("NAME", name))
        subprocess.run(["nasm", "-f", "bin", "-o", os.path.join(folder, "guest"), source], check=True)
        path = os.path.join(folder, "image.vhd")
        vhd.make_fixed(path, sectors)
        with open(path, "r+b") as out, open(os.path.join(folder, "guest"), "rb") as guest:
            out.write(guest.read())
        with open(path, "rb") as out:
            return out.read()


def wait_error(pc, sentence):
    """Waits for the sentence and a line of advice, and sees that the machine neither ends nor restarts."""
    pc.wait("error: " + sentence + r"[^\n]*\n[A-Z][^\n]+\.$")
    time.sleep(2)
    check(pc.running(), "the machine ended:\n" + pc.log)
    check_equal(pc.log.count("vhdboot 0."), 1, "banners")


class Files(dict):
    """Files of a disk for one test, in a folder that goes with it."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        return self

    def disk(self, **more):
        return Disk(self.folder.name, self, **more)

    def __exit__(self, *_):
        self.folder.cleanup()


SECTORS = 4096
ONE = image("one")
TWO = image("two")


def fails(name, sentence, **files):
    """One config-less or configured disk whose boot ends in `sentence`."""
    with test(name), Files({key.replace("_", "."): value for key, value in files.items()}) as f:
        with Qemu(f.disk().path, limit=60) as pc:
            wait_error(pc, sentence)


def starts():
    with test("one image without a config starts at once"), Files({"one.vhd": ONE}) as f:
        with Qemu(f.disk().path, limit=60) as pc:
            pc.wait(r"^vhdboot \d")
            pc.wait(r"^\\one.vhd: fixed VHD, 2 MiB, 1 fragment$")
            pc.wait(r"^starting one.vhd$")
            pc.wait("guest: one")
    with test("boots with 4 MiB of memory"), Files({"one.vhd": ONE}) as f:
        with Qemu(f.disk().path, memory="4M", limit=60) as pc:
            pc.wait("guest: one")
    with test("a slow drive: says what it is doing"), Files({"one.vhd": ONE}) as f:
        with Qemu(f.disk().path, bus="virtio", limit=60, options=["-S"]) as pc:
            pc.qmp("block_set_io_throttle", device="disk0", iops=4, iops_rd=0, iops_wr=0,
                   bps=0, bps_rd=0, bps_wr=0)
            pc.qmp("cont")
            pc.wait(r"^reading .* \.\.\.$")
            pc.wait("guest: one")


def menus():
    two = {"two.vhd": TWO, "one.vhd": ONE}
    with test("two images without a config make a menu in name order"), Files(two) as f:
        disk = f.disk()
        with Qemu(disk.path, limit=60) as pc:
            pc.wait(r"^> 1  one.vhd")
            pc.wait(r"^  2  two.vhd")
            pc.wait(r"starts in 8 s")
            pc.send("2")
            pc.wait("starting two.vhd")
            pc.wait("guest: two")
    config = b"timeout = 3\ndefault = b\n[a]\ntitle = First\nvhd = \\one.vhd\n[b]\nvhd = /TWO.VHD\n"
    with test("the countdown starts the default"), Files(two, **{"vhdboot.cfg": config}) as f:
        disk = f.disk()
        with Qemu(disk.path, limit=60) as pc:
            pc.wait(r"^  1  First")
            pc.wait(r"^> 2  b ")
            pc.wait("starting b$")
            pc.wait("guest: two")
        with test("Esc stops the countdown, arrows and Enter choose"), \
                Qemu(disk.path, limit=60) as pc:
            pc.wait("starts in 2 s")
            pc.keys("esc")
            time.sleep(5)
            check("starting" not in pc.log, pc.log)
            pc.keys("up", "ret")
            pc.wait("starting First")
            pc.wait("guest: one")
    config = b"timeout = 0\n[a]\nvhd = \\one.vhd\n[b]\nvhd = \\two.vhd\n"
    with test("timeout = 0 starts at once"), Files(two, **{"vhdboot.cfg": config}) as f:
        with Qemu(f.disk().path, limit=60) as pc:
            pc.wait("guest: one")
            check("starts in" not in pc.log, pc.log)
    config = b"timeout = none\n[a]\nvhd = \\none.vhd\n[b]\nvhd = \\two.vhd\n"
    with test("after a failure the menu comes again"), Files(two, **{"vhdboot.cfg": config}) as f:
        with Qemu(f.disk().path, limit=60) as pc:
            pc.wait("^> 1  a")
            pc.keys("ret")
            pc.wait(r"^error: \\none.vhd: ")
            pc.wait("^> 1  a")
            pc.keys("down", "ret")
            pc.wait("guest: two")


def configs():
    config = b"timeout = soon\nspeed = 9\n[a]\nvhd = \\one.vhd\nwrite = maybe\n"
    with test("bad lines are named, the rest counts"), \
            Files({"one.vhd": ONE, "vhdboot.cfg": config}) as f:
        with Qemu(f.disk().path, limit=60) as pc:
            pc.wait(r"^warning: \\vhdboot.cfg, line 1: .*soon")
            pc.wait(r"^warning: \\vhdboot.cfg, line 2: .*speed")
            pc.wait(r"^warning: \\vhdboot.cfg, line 5: [^:]*:\s+maybe")
            pc.wait("guest: one")


def bad_images():
    config = b"[a]\nvhd = \\one.vhd\n"
    damaged = bytearray(ONE)
    damaged[-400] ^= 1
    fails("no config and no image", "neither ")
    fails("the image is missing", r"\\one.vhd: ", vhdboot_cfg=config)
    fails("a disk without boot code", r"\\one.vhd: the disk has no boot code", vhdboot_cfg=config,
          one_vhd=bytes(510) + b"\x55\xaa" + ONE[512:])
    fails("the image is empty", r"\\one.vhd: ", vhdboot_cfg=config, one_vhd=b"")
    fails("the image is cut", r"\\one.vhd: ", vhdboot_cfg=config, one_vhd=ONE[:len(ONE) // 2])
    fails("the footer is damaged", r"\\one.vhd: ", vhdboot_cfg=config, one_vhd=bytes(damaged))


def retry():
    with test("a key tries again, nothing else does"), Files() as f:
        with Qemu(f.disk().path, limit=60) as pc:
            pc.wait("error: neither ")
            pc.wait("Press a key")
            time.sleep(3)
            check_equal(pc.log.count("error: "), 1, "errors")
            pc.keys("spc")
            pc.wait("error: neither ")


def damaged_stage2():
    broken = bytearray(build("vhdboot.bin"))
    broken[-100] ^= 0x10
    with test("a damaged vhdboot.bin is named, not run"), Files({"one.vhd": ONE}) as f:
        with Qemu(f.disk(stage2=bytes(broken)).path, limit=60) as pc:
            pc.wait(r"error: \\vhdboot.bin is damaged")
            time.sleep(2)
            check(pc.running(), "the machine ended")
            check_equal(pc.log.count("Booting from"), 1, "starts of the machine")


def read_errors():
    config = b"# long enough to have clusters of its own\n" * 40 + b"[a]\nvhd = \\one.vhd\n"
    with Files({"one.vhd": ONE, "vhdboot.cfg": config}) as f:
        disk = f.disk()
        with open(disk.part, "rb") as part:
            part.seek(0x30)
            mft = FIRST + int.from_bytes(part.read(8), "little") * CLUSTER
        stages = {
            "the boot record's first sector": FIRST,
            "the boot record's rest": FIRST + 1,
            "$MFT": mft,
            "vhdboot.bin": disk.lba("vhdboot.bin", 5),
            "vhdboot.cfg": disk.lba("vhdboot.cfg"),
            "the image's footer": disk.lba("one.vhd", SECTORS),
            "the guest's MBR": disk.lba("one.vhd"),
        }
        with test("an unreadable $Volume is taken from the mirror, with a warning"), \
                Qemu(disk.path, limit=60, blkdebug=read_error(mft + 3 * 2)) as pc:
            pc.wait("^warning: .*MFTMirr")
            pc.wait("guest: one")
        for stage, sector in stages.items():
            with test("read error in " + stage), \
                    Qemu(disk.path, limit=60, blkdebug=read_error(sector)) as pc:
                pc.wait("(?i)(error|cannot|read)")
                time.sleep(4)
                check(pc.running(), "the machine ended:\n" + pc.log)
                check_equal(pc.log.count("Booting from"), 1, "starts of the machine")
                check("guest:" not in pc.log, pc.log)
                print("    | " + pc.log.split("Booting from", 1)[1].strip().replace("\n", "\n    | "))


def main():
    need("nasm", "mkntfs", "ntfscp", "ntfscluster", "sfdisk", "qemu-system-x86_64")
    starts()
    menus()
    configs()
    bad_images()
    retry()
    damaged_stage2()
    read_errors()
    end()


main()
