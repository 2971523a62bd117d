#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make bench-serve: the nbdkit plugin and the verbs that copy, beside other programs on the same bytes.

Each figure is a ratio: our best time of several runs to the other program's best one, both taken in turns, so
that what else the computer does meets both. Where a program's time is mostly the disk's, the ratio of processor
time, given too, says more. BENCH_MIB (default 2048) is how much data there are, BENCH_ROUNDS (3) how many turns,
BENCH_PARTS which parts (copies random blocks converts compact).
"""
import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from served import Server                                                   # noqa: E402
from tools import BUILD, MKIMAGE                                            # noqa: E402

MIB = 1 << 20
SIZE = int(os.environ.get("BENCH_MIB", "2048")) * MIB
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
PLUGIN = os.path.join(BUILD, "nbdkit-vhdboot-plugin.so")


def line(name, value, goal=""):
    print(f"{name:<70} {value:>16}  {goal}".rstrip(), flush=True)


def command(*words, **options):
    subprocess.run([str(word) for word in words], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, **options)


def timed(job):
    """Seconds of the clock and of processors that the job's programs took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    job()
    clock = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def in_turns(*jobs, before=lambda: None):
    """For each job, the best of its times of the clock, and of processors, without what is done `before` it."""
    times = [[] for _ in jobs]
    for _ in range(ROUNDS):
        for job, mine in zip(jobs, times):
            before()
            mine.append(timed(job))
    return [tuple(min(one[i] for one in mine) for i in range(2)) for mine in times]


def ratio(name, ours, other, goal):
    """Both are (clock, processors); less is better."""
    line(name, f"{ours[0] / other[0]:.2f}", f"{goal:<13}  {ours[0]:.3g} s / {other[0]:.3g} s")
    line("  in processor time", f"{ours[1] / other[1]:.2f}")


def nbdkit(*parameters, client):
    command("nbdkit", "-U", "-", *parameters, "--run", client)


def ours(path, client, *more):
    nbdkit(PLUGIN, "file=" + path, *more, client=client)


def images(folder):
    """One disk's content in a raw file and in images of several kinds."""
    paths = {name: os.path.join(folder, name) for name in
             ("raw", "fixed.vhd", "dynamic.vhd", "dynamic.vhdx", *(f"child{n}.vhd" for n in range(5)))}
    with open(paths["raw"], "wb") as out, open("/dev/urandom", "rb") as noise:
        for _ in range(SIZE // MIB):
            out.write(noise.read(MIB))
    for name, kind in (("fixed.vhd", "fixed"), ("dynamic.vhd", "dynamic"), ("dynamic.vhdx", "dynamic")):
        command(MKIMAGE, "vhd", "convert", paths["raw"], paths[name], "--kind", kind)
    # A base without anything, and each of four children holds a fourth of each 8 MiB.
    command(MKIMAGE, "vhd", "create", paths["child0.vhd"], "--size", SIZE)
    for n in range(1, 5):
        command(MKIMAGE, "vhd", "create", paths[f"child{n}.vhd"], "--parent", paths[f"child{n - 1}.vhd"])
        with Server(folder, "file=" + paths[f"child{n}.vhd"]) as server, open(paths["raw"], "rb") as data:
            disk = server.connect()
            for at in range((n - 1) * 2 * MIB, SIZE, 8 * MIB):
                disk.pwrite(os.pread(data.fileno(), 2 * MIB, at), at)
    command(MKIMAGE, "vhd", "compare", paths["raw"], paths["child4.vhd"])
    return paths


def copies(paths, _):
    client = 'nbdcopy "$uri" null:'
    for name, words, other, goal in (
            ("fixed.vhd", "a fixed VHD", "fixed.vhd", "at most 1.15"),
            ("dynamic.vhd", "a dynamic VHD", "raw", "at most 1.3"),
            ("dynamic.vhdx", "a dynamic VHDX", "raw", "at most 1.3"),
            ("child4.vhd", "a VHD with four parents", "raw", "at most 1.3")):
        mine, theirs = in_turns(lambda name=name: ours(paths[name], client, "write=none"),
                                lambda other=other: nbdkit("-r", "file", paths[other], client=client))
        ratio(f"nbdcopy of {words}, time / nbdkit file", mine, theirs, goal)


def requests(path, kind, folder, plain):
    """fio on our plugin and on nbdkit's file plugin: for each the best time of a request, by the clock and of
    processors."""
    out = os.path.join(folder, "fio.json")
    client = (f'fio --name=x --ioengine=nbd --uri="$uri" --rw={kind} --bs=4k --iodepth=16 --size={SIZE} '
              f"--time_based --runtime=4 --output-format=json --output={shlex.quote(out)}")
    times = [[], []]
    for _ in range(ROUNDS):
        for mine, job in zip(times, (lambda: ours(path, client), lambda: nbdkit("file", plain, client=client))):
            processors = timed(job)[1]
            with open(out, encoding="utf-8") as text:
                done = json.load(text)["jobs"][0]["read" if kind == "randread" else "write"]
            mine.append((1 / done["iops"], processors / done["total_ios"]))
    return [tuple(min(one[i] for one in mine) for i in range(2)) for mine in times]


def warm(*paths):
    """What one program's turn is the first to ask for, it waits for, and the others find in the cache."""
    for path in paths:
        command("dd", "if=" + path, "of=/dev/null", "bs=1M", stderr=subprocess.DEVNULL)


def random_requests(paths, folder):
    for name, words in (("fixed.vhd", "a fixed VHD"), ("dynamic.vhdx", "a dynamic VHDX"),
                        ("child4.vhd", "a VHD with four parents")):
        warm(paths["raw"], *(path for other, path in paths.items() if other[:5] == name[:5]))
        mine, theirs = requests(paths[name], "randread", folder, paths["raw"])
        ratio(f"4 KiB random reads of {words} by fio, time / nbdkit file", mine, theirs, "at most 1.2")
    mine, theirs = requests(paths["fixed.vhd"], "randwrite", folder, paths["raw"])
    ratio("4 KiB random writes to a fixed VHD by fio, time / nbdkit file", mine, theirs, "at most 1.2")


def new_blocks(paths, folder):
    """A dynamic VHDX filled by nbdcopy, with a flush at the end, through qemu-nbd and through us."""
    path = os.path.join(folder, "new.vhdx")

    def make():
        if os.path.exists(path):
            os.remove(path)
        command(MKIMAGE, "vhd", "create", path, "--size", SIZE)

    def by_us():
        make()
        ours(path, f'nbdcopy --flush {shlex.quote(paths["raw"])} "$uri"')

    def by_qemu():
        make()
        command("nbdcopy", "--flush", paths["raw"], "--", "[", "qemu-nbd", "-f", "vhdx", path, "]")

    mine, theirs = in_turns(by_us, by_qemu)
    ratio("new blocks of a dynamic VHDX, rate / qemu-nbd", theirs, mine, "at least 0.5")
    by_us()
    command(MKIMAGE, "vhd", "compare", paths["raw"], path)
    os.remove(path)


def converts(paths, folder):
    path = os.path.join(folder, "converted")

    def by_us(form):
        command(MKIMAGE, "vhd", "convert", paths["raw"], path, "--format", form)
        os.remove(path)

    def by_qemu(form):
        command("qemu-img", "convert", "-f", "raw", "-O", form, paths["raw"], path)
        command("sync", path)                           # as ours does
        os.remove(path)

    for form, name in (("vhd", "vpc"), ("vhdx", "vhdx")):
        mine, theirs = in_turns(lambda form=form: by_us(form), lambda name=name: by_qemu(name))
        ratio(f"convert to a dynamic {form.upper()}, time / qemu-img convert", mine, theirs, "at most 1.2")


def large_image(paths, folder, path, zeros):
    """Twenty times its data; `zeros`: of which none is left, in blocks that are all there."""
    command(MKIMAGE, "vhd", "create", path, "--size", 10 * SIZE)
    with Server(folder, "file=" + path) as server, open(paths["raw"], "rb") as data:
        disk = server.connect()
        for at in range(0, SIZE // 2, 32 * MIB):
            disk.pwrite(os.pread(data.fileno(), min(32 * MIB, SIZE // 2 - at), at), at)
            if zeros:
                disk.pwrite(bytes(min(32 * MIB, SIZE // 2 - at)), at)
        disk.flush()


def compacts(paths, folder):
    """Beside a read of the same bytes that no cache answers. What is to be written has to get onto the medium too:
    so beside a plain copy as well."""
    for name, zeros in (("before.vhd", False), ("before.vhdx", False), ("zeros.vhdx", True)):
        path, before, copy = os.path.join(folder, "large"), os.path.join(folder, name), os.path.join(folder, "copy")
        large_image(paths, folder, before, zeros)

        def prepare(before=before, path=path, copy=copy):
            command("rm", "-f", copy)
            command("cp", "--reflink=never", "--sparse=never", before, path)     # cp would make holes of zeros
            for one in (before, path):
                with open(one, "rb") as file:
                    os.fsync(file.fileno())
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

        def plain_copy(before=before, copy=copy):
            command("cp", "--reflink=never", before, copy)
            command("sync", copy)

        mine, read, copied = in_turns(lambda path=path: command(MKIMAGE, "vhd", "compact", path),
                                      lambda before=before: command("dd", "if=" + before, "of=/dev/null", "bs=1M",
                                                                    "iflag=direct", stderr=subprocess.DEVNULL),
                                      plain_copy, before=prepare)
        form = os.path.splitext(name)[1][1:].upper()
        what = f"compact of a {form} twenty times its data{', all zeros' if zeros else ''}, time / "
        ratio(what + "a read from the drive", mine, read, "at most 2")
        ratio(what + "cp and sync", mine, copied, "")
        for one in (path, before, copy):
            os.remove(one)


def main():
    if not os.path.exists(PLUGIN):
        sys.exit("the nbdkit plugin is not built: nbdkit-plugin-dev is missing")
    with tempfile.TemporaryDirectory(prefix="vhdboot-", dir=os.environ.get("TMPDIR", "/var/tmp")) as folder:
        start = time.monotonic()
        line(f"{SIZE // MIB} MiB of data, best of {ROUNDS} turns", "ratio", "goal")
        paths = images(folder)
        parts = {"copies": copies, "random": random_requests, "blocks": new_blocks, "converts": converts,
                 "compact": compacts}
        for name in os.environ.get("BENCH_PARTS", " ".join(parts)).split():
            parts[name](paths, folder)
            print(f"# {name}: {time.monotonic() - start:.0f} s since the start", flush=True)


main()
