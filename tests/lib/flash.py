# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks and flashes for system tests, made with the project's own tools in build/ and with ntfs-3g's.

    with Workshop() as shop:
        disk = shop.pattern_vhd("pattern", mib=32)          # a VHD with a guest in it
        flash = shop.flash(disk)                            # by mkimage flash
        flash = shop.formatted(disk, cluster=512)           # by mkntfs, ntfscp and mkimage install
"""
import json
import os
import shutil
import struct
import subprocess
import tempfile

import vhd

BUILD = os.path.abspath(os.environ.get("B", "build"))
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
MIB = 1 << 20
START = 2048                            # where `formatted` puts its partition


def tool(name):
    return os.path.join(BUILD, name)


def run(*command, **options):
    """Runs a command; its output as text. What it says is shown when it fails."""
    options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, "PATH": PATH}, check=False, **options)
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: exit status {done.returncode}\n"
                             + (done.stdout + done.stderr).decode(errors="replace")[-3000:])
    return done.stdout.decode(errors="replace")


def mkimage(*arguments):
    return run(tool("mkimage"), *arguments)


def mkimage_json(*arguments):
    return json.loads(mkimage(*arguments, "--json"))


class Workshop:
    """A folder for a test's disks, removed at the end."""

    def __init__(self, folder=None):
        self.folder = folder or tempfile.mkdtemp(prefix="vhdboot-", dir=os.environ.get("TMPDIR"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def pattern_vhd(self, guest, mib=32, rounds=300, name=None, sectors=None):
        """A fixed VHD that boots the guest and holds its pattern."""
        sectors = sectors or mib * 2048
        raw = self.pattern_disk(guest, sectors, rounds)
        path = self.path(name or f"{guest}.vhd")
        vhd.make_fixed(path, sectors, source=raw)
        return path

    def pattern_disk(self, guest, sectors, rounds=300):
        """The same as a raw disk."""
        path = self.path(f"{guest}.raw")
        run(tool("tests/pattern"), "make", path, sectors, rounds, tool(f"tests/{guest}.bin"))
        return path

    def flash(self, *images, options=(), name="flash.img"):
        out = self.path(name)
        mkimage("flash", out, "--vhd", ",".join(images), *options)
        return out

    def volume(self, mib, cluster=4096, name="volume.img", start=START, sector=512):
        """A bare NTFS volume."""
        path = self.path(name)
        with open(path, "wb") as file:
            file.truncate(mib * MIB)
        run("mkntfs", "-q", "-F", "-Q", "-c", cluster, "-p", start, "-H", 255, "-S", 63, "-s", sector,
            path)
        return path

    def partitioned(self, volume, name="flash.img"):
        """A disk with the volume as its only partition, active, at 1 MiB; the volume's file goes."""
        path = self.path(name)
        size = os.path.getsize(volume)
        entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 7, b"\xfe\xff\xff", START, size // 512)
        with open(path, "wb") as file:
            file.write(bytes(440) + b"test\0\0" + entry + bytes(48) + b"\x55\xaa")
            file.truncate(START * 512 + size)
        run("dd", f"if={volume}", f"of={path}", "bs=1M", f"seek={START * 512 // MIB}",
            "conv=sparse,notrunc", "status=none")
        os.unlink(volume)
        return path

    def whole_tracks(self, flash):
        """Makes the file longer, to whole cylinders of 16 x 63 sectors: Bochs drops what is over."""
        size = os.path.getsize(flash)
        os.truncate(flash, -(-size // (16 * 63 * 512)) * (16 * 63 * 512))

    def formatted(self, image, cluster=4096, mib=None, pieces=None, options=(), to="/disk.vhd",
                  partition=True, name="flash.img", config=None, sector=512):
        """A flash made by mkntfs and mkimage install; the image in one go by ntfscp, or in so many pieces."""
        size = os.path.getsize(image)
        if mib is None:
            spare = (pieces or 0) * cluster
            mib = 2 * (size + spare) // MIB + 64        # $MFTMirr lies in the middle
        disk = self.volume(mib, cluster, start=START if partition else 0, sector=sector)
        if partition:
            disk = self.partitioned(disk, name)
        run(tool("tools/fragment"), disk, image, to, pieces or 1, *options)
        if config is not None:
            text = self.path("vhdboot.cfg")
            with open(text, "w", encoding="utf-8") as file:
                file.write(config)
            run(tool("tools/fragment"), disk, text, "/vhdboot.cfg", 1)
        mkimage("install", disk, "--yes")
        return disk

    def stick(self, config, files=None, mib=40, name="flash.img"):
        """A disk with vhdboot, this config (None: none) and these files: {"/bootmgr": file, ...}."""
        disk = self.partitioned(self.volume(mib, name=f"{name}.volume"), name)
        files = dict(files or {})
        if config is not None:
            files["/vhdboot.cfg"] = self.path("vhdboot.cfg")
            with open(files["/vhdboot.cfg"], "w", encoding="utf-8") as file:
                file.write(config)
        for path, source in files.items():
            run(tool("tools/fragment"), disk, source, path, 1)
        mkimage("install", disk, "--yes")
        return disk

    def far(self, image, border):
        """A sparse volume without a partition table that holds the image around that sector of the drive."""
        disk = self.volume((border // 2048) + 256, cluster=65536, start=0, name="far.img")
        run(tool("tools/fragment"), disk, image, "/disk.vhd", 1, "--at", border)
        mkimage("install", disk, "--yes")
        return disk


def outside(flash, extents):
    """The sha256 of every byte of the flash outside the given extents (drive_lba, count in sectors)."""
    import hashlib
    total = hashlib.sha256()
    position = 0
    with open(flash, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        for start, end in [*sorted((e[0] * 512, (e[0] + e[1]) * 512) for e in extents), (size, size)]:
            file.seek(position)
            while position < start:
                data = file.read(min(MIB, start - position))
                total.update(data)
                position += len(data)
            position = max(position, end)
    return total.hexdigest()


def extents(flash, path="/disk.vhd"):
    """Where a file lies on the flash: [(drive_lba, count), ...]."""
    answer = mkimage_json("extents", f"{flash}:{path}")
    return [(e["drive_lba"], e["count"]) for e in answer["extents"]]


def footer_of(flash, path="/disk.vhd"):
    """The last 512 bytes of the file's runs."""
    lba, count = extents(flash, path)[-1]
    with open(flash, "rb") as file:
        file.seek((lba + count - 1) * 512)
        return file.read(512)


def check_pattern(flash):
    """Every sector of the disk that vhdboot would start holds the pattern; how many a guest has written."""
    with subprocess.Popen([tool("mkimage"), "read", flash], stdout=subprocess.PIPE) as reader:
        said = run(tool("tests/pattern"), "check", stdin=reader.stdout)
    if reader.returncode:
        raise AssertionError(f"mkimage read: exit status {reader.returncode}")
    return int(said.split()[2])
