# SPDX-License-Identifier: GPL-2.0-or-later
"""Files with NTFS volumes on them, made and judged by the tools of others; in the current folder."""
import ctypes
import ctypes.util
import re

from files import read, write
from tools import run

MIB = 1 << 20
START = 2048 * 512                      # where `disk` puts its volume


def fixed_vhd(name, size=16 * MIB, pattern=True):
    """A fixed VHD of qemu-img's with a boot record and numbered sectors here and there."""
    run("qemu-img", "create", "-q", "-f", "vpc", "-o", "subformat=fixed,force_size=on", name, size)
    if pattern:
        for lba in [*range(64), *range(size // 1024, size // 1024 + 300), size // 512 - 1]:
            write(name, lba * 512, (lba.to_bytes(8, "little") * 64))
    write(name, 0, b"\xeb\xfe")
    write(name, 510, b"\x55\xaa")
    return name


def volume(name, size=64 * MIB, cluster=4096, start=2048, sector=512):
    """A bare NTFS volume."""
    with open(name, "wb") as file:
        file.truncate(size)
    run("mkntfs", "-F", "-Q", "-q", "-s", sector, "-c", cluster, "-p", start, "-S", 63, "-H", 255, name)
    return name


def disk(name, volume_name, active=True):
    """An MBR disk around a volume at 1 MiB, with somebody's boot code."""
    data = read(volume_name)
    sectors = len(data) // 512
    mbr = bytearray(bytes(range(1, 201)) + bytes(312))
    mbr[440:444] = b"\x78\x56\x34\x12"
    mbr[446:462] = bytes([0x80 if active else 0, 32, 33, 0, 7, 254, 255, 255]) + \
        (2048).to_bytes(4, "little") + sectors.to_bytes(4, "little")
    mbr[510:] = b"\x55\xaa"
    with open(name, "wb") as file:
        file.write(mbr)
        file.seek(START)
        file.write(data)
        file.truncate(START + len(data) + MIB)
    return name


def cut_out(name, output="cut.ntfs", size=None):
    """The partition at 1 MiB as a file of its own."""
    sectors = int.from_bytes(read(name, 458, 4), "little")
    with open(output, "wb") as file:
        file.write(read(name, START, size or sectors * 512))
    return output


def consistent(volume_name):
    """ntfsresize walks every record and compares all runs with $Bitmap."""
    run("ntfsresize", "-i", "-f", volume_name)


def clusters_of(volume_name, path):
    """(vcn, lcn, count) of the file's data, as ntfscluster says."""
    text = run("ntfscluster", "-f", "-F", path, volume_name).stdout.decode()
    runs, inside = [], False
    for line in text.splitlines():
        if " - " in line:
            inside = "0x80" in line
        elif inside and re.fullmatch(r"\s*\d+\s+\d+\s+\d+", line): # LCN -2: not in this piece
            runs.append(tuple(map(int, line.split())))
    return runs


def spoil(name, what):
    """Makes the volume one that must not be written."""
    cut = cut_out(name)
    if what == "dirty":
        with open(cut, "rb") as file:
            data = file.read()
        mft = int.from_bytes(data[48:56], "little") * 4096
        for base in (mft, int.from_bytes(data[56:64], "little") * 4096):
            record = base + 3 * 1024
            info = data.index(b"\x70\0\0\0", record)
            value = info + int.from_bytes(data[info + 20:info + 22], "little")
            write(cut, value + 10, b"\x01")
    elif what == "bitlocker":
        write(cut, 3, b"-FVE-FS-")
    elif what == "hibernated":
        with open("hiberfil.sys", "wb") as file:
            file.write(b"hibr" + bytes(8188))
        run("ntfscp", "-q", cut, "hiberfil.sys", "hiberfil.sys")
    elif what == "full":
        size = 60 * MIB
        while size >= 16384:
            with open("fill", "wb") as file:
                file.write(b"x" * size)
            if run("ntfscp", "-q", cut, "fill", f"fill{size}", status=None).returncode:
                run("ntfscp", "-q", cut, "/dev/null", f"fill{size}", status=None)
                size //= 2
            else:
                size -= 4096
    write(name, START, read(cut))


def hard_link(name, old, new):
    """A second name for a file, by ntfs-3g's library."""
    part = cut_out(name)
    ntfs = ctypes.CDLL(ctypes.util.find_library("ntfs-3g"))
    for function in (ntfs.ntfs_mount, ntfs.ntfs_pathname_to_inode):
        function.restype = ctypes.c_void_p
    mounted = ctypes.c_void_p(ntfs.ntfs_mount(part.encode(), ctypes.c_ulong(0)))
    folder, last = new.rsplit("/", 1)
    inodes = [ctypes.c_void_p(ntfs.ntfs_pathname_to_inode(mounted, None, path.encode())) for path in (old, folder)]
    assert mounted.value and all(inode.value for inode in inodes)
    units = last.encode("utf-16-le")
    assert not ntfs.ntfs_link(*inodes, units, ctypes.c_uint8(len(units) // 2))
    for inode in inodes:
        assert not ntfs.ntfs_inode_close(inode)
    assert not ntfs.ntfs_umount(mounted, False)
    write(name, START, read(part))
