# SPDX-License-Identifier: GPL-2.0-or-later
"""The disk around a Linux's files: partition table, file system, GRUB, and two places for what a test wants of it.

The root partition starts at sector 2048 and is the first one, of an MBR or (gpt) beside a BIOS boot partition. In it
lies ext4, XFS (xfs), or ext4 in a logical volume (lvm). Needs root, for loop devices.

What a test wants lies in front of it, where no partition is: words for the kernel on a sector that GRUB reads
(kernel_words), and commands for the system that is up (steps).
"""
import os
import struct
import subprocess

UUID = "5ec70a57-0b00-4ead-8000-7668646d7275"
PARTITION = 2048
WORDS_AT, STEPS_AT, STEPS_COUNT = 2031, 2032, 16
BOOT_PARTITION = (40, 1999)             # GPT's place for GRUB
GRUB = "/usr/lib/grub/i386-pc"
GRUB_MODULES = ("biosdisk part_msdos part_gpt ext2 xfs lvm normal configfile linux echo serial terminal test loadenv"
                " blocklist").split()
EXT4_FEATURES = "^64bit,^metadata_csum_seed"
LVM_START = 2048                        # sectors of a physical volume in front of its first extent
MIB = 1 << 20

GRUB_CONFIG = """
serial --unit=0 --speed=115200
terminal_output serial
set timeout=0
set by=grub
{save}
source (hd0){place}+1
linux /boot/vmlinuz root={root} ro console=ttyS0,115200 loglevel=4 systemd.show_status=1 $words
initrd /boot/initrd.img
boot
"""


def run(*command, **options):
    subprocess.run([str(c) for c in command], check=True, **options)


def answer(*command):
    return subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE).stdout.decode().strip()


def _sectors_put(disk, lba, count, data):
    assert len(data) <= count * 512, len(data)
    with open(disk, "r+b") as file:
        file.seek(lba * 512)
        file.write(data.ljust(count * 512, b"\n"))


def steps(disk, text):
    """Commands that the system runs once it is up, into a raw disk."""
    _sectors_put(disk, STEPS_AT, STEPS_COUNT, text.encode())


def kernel_words(disk, words):
    """Words for the kernel's command line, into a raw disk."""
    _sectors_put(disk, WORDS_AT, 1, f"words='{words}'\n".encode())


def system_start(kinds):
    """Where the file system starts on the disk, in sectors."""
    return PARTITION + (LVM_START if "lvm" in kinds else 0)


def root_name(kinds):
    """As the kernel's command line and fstab have it."""
    return "/dev/mapper/guest-root" if "lvm" in kinds else f"UUID={UUID}"


def grub_config(kinds):
    """The text of grub.cfg. GRUB cannot write into a logical volume."""
    return GRUB_CONFIG.format(root=root_name(kinds), place=WORDS_AT, save="" if "lvm" in kinds else "save_env by")


def _partitions(disk, kinds, sectors):
    if "gpt" in kinds:
        first, last = BOOT_PARTITION
        run("sgdisk", "-a", "1", "-n", f"1:{PARTITION}:0", "-t", "1:8300", "-n", f"2:{first}:{last}", "-t", "2:EF02",
            disk, stdout=subprocess.DEVNULL)
        return
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", PARTITION, sectors - PARTITION)
    with open(disk, "r+b") as out:
        out.seek(440)
        out.write(struct.pack("<IH", 0x76686472, 0) + entry + bytes(48) + b"\x55\xaa")


def _grub(disk, work, kinds):
    core = os.path.join(work, "core.img")
    device = "lvm/guest-root" if "lvm" in kinds else "hd0,gpt1" if "gpt" in kinds else "hd0,msdos1"
    run("grub-mkimage", "-O", "i386-pc", "-p", f"({device})/boot/grub", "-o", core, *GRUB_MODULES)
    at = BOOT_PARTITION[0] if "gpt" in kinds else 1
    with open(os.path.join(GRUB, "boot.img"), "rb") as boot, open(core, "rb") as image:
        first, code = bytearray(boot.read()[:440]), bytearray(image.read())
    assert len(code) < ((BOOT_PARTITION[1] if "gpt" in kinds else WORDS_AT) - at) * 512
    struct.pack_into("<Q", first, 0x5c, at)                     # where boot.img finds the first sector of it
    struct.pack_into("<Q", code, 500, at + 1)                   # and that one the rest
    with open(disk, "r+b") as out:
        out.write(first)
        out.seek(at * 512)
        out.write(code)


class Loop:
    """A part of a file as a block device."""

    def __init__(self, file, offset, size):
        self.device = answer("losetup", "--find", "--show", "--offset", offset, "--sizelimit", size, file)

    def __enter__(self):
        return self.device

    def __exit__(self, *_):
        run("losetup", "-d", self.device)


def _volume_group(device):
    """Without the host's device mapper, which need not be there: nothing is activated."""
    common = ["--driverloaded", "n", "--config", f'devices{{filter=["a|^{device}$|","r|.*|"]}}']
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    run("pvcreate", *common, "-ff", "-y", device, **quiet)
    run("vgcreate", *common, "guest", device, **quiet)
    run("lvcreate", *common, "-an", "-Zn", "-Wn", "-y", "-l", "100%FREE", "-n", "root", "guest", **quiet)
    assert answer("pvs", *common, "--noheadings", "--nosuffix", "--units", "s", "-o", "pe_start",
                  device).endswith(str(LVM_START))


def _file_system(disk, root, kinds, sectors, work):
    start, size = system_start(kinds) * 512, (sectors - PARTITION) * 512
    if "gpt" in kinds:
        size -= 33 * 512
    if "lvm" in kinds:
        with Loop(disk, PARTITION * 512, size) as device:
            _volume_group(device)
        size = (size // (4 * MIB) - 1) * 4 * MIB
    if "xfs" not in kinds:
        run("mke2fs", "-q", "-F", "-t", "ext4", "-O", EXT4_FEATURES, "-U", UUID, "-m", "0", "-d", root,
            "-E", f"offset={start}", disk, f"{size // 1024}k")
        return
    at = os.path.join(work, "mounted")
    os.makedirs(at)
    with Loop(disk, start, size) as device:
        run("mkfs.xfs", "-q", "-f", "-m", f"uuid={UUID},bigtime=0", device)
        run("mount", device, at)
        try:
            run("cp", "-a", root + "/.", at)
        finally:
            run("umount", at)


def make(disk, root, kinds, sectors, work):
    """A raw disk of so many sectors, with the files of the folder `root`; kinds: among gpt, xfs, lvm."""
    with open(disk, "wb") as file:
        file.truncate(sectors * 512)
    _partitions(disk, kinds, sectors)
    _file_system(disk, root, kinds, sectors, work)
    _grub(disk, work, kinds)
    kernel_words(disk, "")
    steps(disk, "")
