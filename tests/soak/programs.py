# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs of a soak: mkimage, the machine (boot), another's hands (outside), ntfs-3g's judges; and what they
say, taken apart."""
import array
import json
import os
import signal
import struct
import subprocess

BUILD = os.path.abspath(os.environ.get("B", "build"))
MKIMAGE, BOOT, OUTSIDE, CUT = (os.path.join(BUILD, name) for name in
                               ("mkimage", "soak/boot", "soak/outside", "soak/cut.so"))
ENVIRONMENT = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
SECTOR = 512
LIMIT = 60                              # seconds; nothing here takes one


class Loss(Exception):
    """Something is not as promised."""


def too_late(*_):
    raise TimeoutError


signal.signal(signal.SIGALRM, too_late)


def run(*command, env=None, data=None):
    """(exit status, standard output, standard error); a signal or a hang is a loss. The alarm is cheaper than the
    waiting that subprocess does with a timeout."""
    command = [str(c) for c in command]
    with subprocess.Popen(command, env=env or ENVIRONMENT,
                          stdin=subprocess.DEVNULL if data is None else subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        signal.alarm(LIMIT)
        try:
            out, errors = child.communicate(data)
        except TimeoutError as error:
            child.kill()
            raise Loss(f"hangs: {' '.join(command)}") from error
        finally:
            signal.alarm(0)
    text = errors.decode(errors="replace")
    if child.returncode < 0 or "Sanitizer" in text:
        raise Loss(f"ends by signal {-child.returncode}: {' '.join(command)}: {text[-500:]}")
    return child.returncode, out.decode(errors="replace"), text


def content(tag, lba, count):
    """As soak_content() of disk.c."""
    if not tag:
        return bytes(count * SECTOR)
    data = b"".join(struct.pack("<II", tag, n) * 64 for n in range(lba, lba + count))
    return data if lba else data[:510] + b"\x55\xaa" + data[512:]


BROKEN = 0xFFFFFFFF                     # a sector that is no tag's content, or one in each reader's eyes


def tags(runs):
    """The runs of a disk, one number a sector; None where it was not read, with the reason after a ?."""
    if "?" in runs or not runs:
        return None
    out = array.array("I")
    for part in runs.split(",")[:-1]:
        tag, _, count = part.partition("*")
        out += array.array("I", [BROKEN if tag == "x" else int(tag)]) * int(count)
    return out


class Seen:
    """What `boot look` says of a flash."""

    def __init__(self, flash):
        status, out, errors = run(BOOT, "look", flash)
        if status:
            raise Loss(f"boot look: {status} {errors}")
        self.files, self.entries, self.images, self.odd = {}, {}, {}, []
        for line in out.splitlines():
            kind, volume, *rest = line.split("\t")
            volume = int(volume)
            if kind == "file":
                self.files[volume, path_of(rest[0])] = (int(rest[1]), rest[2])
            elif kind == "entry":
                self.entries.setdefault(volume, []).append(rest)
            elif kind == "image":
                self.images[volume, path_of(rest[0])] = rest[1:]
            elif kind != "volume":
                self.odd.append(line)


def path_of(path):
    return path.replace("\\", "/").lower()


def partitions(flash):
    """number -> (start, size) in bytes."""
    with open(flash, "rb") as file:
        table = file.read(SECTOR)[446:510]
    out = {}
    for number in range(4):
        start, size = struct.unpack_from("<II", table, 16 * number + 8)
        if size:
            out[number + 1] = (start * SECTOR, size * SECTOR)
    return out


def outside(flash, place, *commands):
    """ntfs-3g's library at work; its lines, or a loss."""
    status, out, errors = run(OUTSIDE, flash, *place, *commands)
    if status:
        raise Loss(f"ntfs-3g fails: {out.strip()[-300:]} {errors.strip()[-300:]}")
    return [line.split("\t") for line in out.splitlines()]


def outside_list(flash, place):
    """Files as ntfs-3g reads them: path -> (size, hash); the free bytes; the config's lines."""
    files, free, lines = {}, 0, []
    for kind, *rest in outside(flash, place, "list"):
        if kind == "file":
            files[rest[0].lower()] = (int(rest[1]), rest[2])
        elif kind == "line":
            lines.append("\t".join(rest))
        else:
            free = int(rest[0])
    return files, free, lines


def volume_sectors(flash, place):
    """As its boot record says; behind them comes the record's copy."""
    with open(flash, "rb") as file:
        file.seek(place[0] + 40)
        return struct.unpack("<Q", file.read(8))[0]


def data_of(fd, start, end):
    """(start, end) of what is no hole of a file, from `start` to `end`."""
    while start < end:                  # ends: start grows
        try:
            at = os.lseek(fd, start, os.SEEK_DATA)
        except OSError:
            return
        if at >= end:
            return
        start = min(os.lseek(fd, at, os.SEEK_HOLE), end)
        yield at, start


def cut_out(flash, place, to):
    """The volume alone: a grow that was cut leaves it shorter than its partition. Over the last one that was cut
    out, whose memory it takes."""
    start, size = place
    size = min(size, (volume_sectors(flash, place) + 1) * SECTOR)
    source, out = os.open(flash, os.O_RDONLY), os.open(to, os.O_RDWR | os.O_CREAT, 0o600)
    os.ftruncate(out, size)
    done = 0
    for at, end in [*data_of(source, start, start + size), (start + size,) * 2]:
        for old, old_end in list(data_of(out, done, at - start)):
            os.pwrite(out, bytes(old_end - old), old)
        os.pwrite(out, os.pread(source, end - at, at), at - start)
        done = end - start
    os.close(source)
    os.close(out)
    return to


def ntfs_judges(volume):
    """ntfsresize and ntfsfix find nothing but clusters that belong to nobody."""
    _, out, errors = run("ntfsresize", "-i", "-f", volume)
    wrong = [line for line in (out + errors).splitlines() if "missing" in line or "orrupt" in line or
             "ERROR" in line and "NTFS is inconsistent" not in line and "Volume is full" not in line]
    if wrong or "Checking filesystem consistency" not in out:
        raise Loss(f"ntfsresize: {wrong[:3]} {errors[-300:]}")
    status, out, errors = run("ntfsfix", "-n", volume)
    if "alternate boot sector... BAD" in out:
        raise OtherCopy
    if status or "FAILED" in out:
        raise Loss(f"ntfsfix -n: {(out + errors)[-600:]}")


class OtherCopy(Exception):
    """The copy of the boot record behind the volume is not the boot record."""


def mend_copy(flash, place):
    """Where a verb was cut between its writes of the boot record and of its copy. As chkdsk would."""
    with open(flash, "r+b") as file:
        file.seek(place[0])
        boot = file.read(SECTOR)
        file.seek(place[0] + volume_sectors(flash, place) * SECTOR)
        file.write(boot)


def mend_mirror(flash, number, place):
    """Where a verb was cut between its writes of $MFT's first records and of their copies in $MFTMirr, which
    happens where the MFT had no free record, check says so, and ntfs-3g refuses the volume. Makes them as mkimage
    install would."""
    status, out, errors = mkimage("check", flash, "--partition", number, "--json")
    if "$MFTMirr" not in out:
        raise Loss(f"check says nothing of the $MFTMirr of volume {number}: {status} {out[-300:]} {errors[-300:]}")
    with open(flash, "r+b") as file:
        file.seek(place[0])
        boot = file.read(SECTOR)
        sector, per = struct.unpack_from("<HB", boot, 11)
        cluster = sector * per
        mft, mirror = struct.unpack_from("<QQ", boot, 48)
        size = struct.unpack_from("<b", boot, 64)[0]
        size = (1 << -size if size < 0 else size * cluster) * 4
        file.seek(place[0] + mft * cluster)
        records = file.read(size)
        file.seek(place[0] + mirror * cluster)
        file.write(records)


def mkimage(*arguments, cut=None, flash=None):
    """With cut = (after so many writes, sectors of the next one, lose) status 99 is a cut."""
    env = ENVIRONMENT
    if cut:
        env = {**env, "LD_PRELOAD": CUT, "CUT_FILE": flash, "CUT_AFTER": str(cut[0]),
               "CUT_SECTORS": str(cut[1]), "CUT_LOSE": str(cut[2])}
    return run(MKIMAGE, *arguments, env=env)


def check(flash, volume, name):
    """mkimage check --json: (exit status, what it says)."""
    status, out, errors = mkimage("check", flash, "--partition", volume, "--entry", name, "--json")
    try:
        return status, json.loads(out)
    except ValueError as error:
        raise Loss(f"check --json is no JSON: {out[-200:]} {errors[-200:]}") from error
