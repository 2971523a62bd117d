#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the INT 13h conformance program on vhdboot and on others that give a disk by INT 13h, in real mode and in
virtual-8086 mode, and writes what failed as a table into a file, between its two markers.

usage: table.py [FILE]          rewrites the table there, without FILE in DOCUMENT
       table.py -               prints it

Each run has a time limit: a provider that hangs has not passed what it did not reach.
"""
import http.server
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), HERE]
import disk                                                                 # noqa: E402
import vhd                                                                  # noqa: E402
from emulator import NotSeen, Qemu                                          # noqa: E402
from flash import BUILD, Workshop, extents, mkimage, outside                # noqa: E402

DOCUMENT = os.path.join(ROOT, "docs", "INT13.md")       # which has the table

SECTORS = 12 * disk.PAGE + 100
SCRATCH_PAGE = 5 * disk.PAGE
SEED = 0x123456
LIMIT = 150                             # seconds a run
MEMORY = 24                             # MiB: all of it is tested; 24 bits do not reach the map
ICOUNT = 8                              # the same in every run, whatever else the computer does; slow with IDE
# Drives behind the first: number, sectors, seed, where the program looks, the sector that it writes
OTHERS = [(0x82, 16384, 0x777, 100, 5000), (0x83, 10240, 0x888, 64, 4000)]
MODES = {"real": disk.REAL | disk.MEMORY, "v86": disk.V86}
MEMDISK = "/usr/lib/syslinux/memdisk"
IPXE = "/boot/ipxe.lkrn"
ONE_AT_A_TIME = threading.Lock()
WRITES = {"25", "56", "87b"}            # a protected disk has 26 and 57 instead
HOOKED = {"77", "78", "79f", "92"}      # these ask for what only a handler like ours has
CHANCE = {"seabios": {"82"}}            # it lets interrupts in on the caller's stack: one may come, or not
BEGIN, END = "<!-- int13-table: made by `make int13-table` -->", "<!-- int13-table end -->"


def conformance_disk(path, mode, **settings):
    settings = {"scratch": SCRATCH_PAGE + 50, "rounds": 20 if mode == "real" else 4, **settings}
    disk.plain(path, BUILD, SEED, SECTORS, modes=MODES[mode], **settings)
    return path


def finish(machine):
    try:
        machine.wait("^# end of all")
    except NotSeen:
        pass
    return machine.log


def others(path, count):
    """Further drives: what config() wants to know of them, 82h and on, and their files."""
    told = OTHERS[:count]
    files = []
    for number, sectors, seed, start, _ in told:
        files.append(f"{path}.{number:x}")
        disk.pattern_drive(files[-1], sectors, seed, 0)
    return told, files


def check_others(told, files, written):
    """They hold their pattern, and where the program wrote what it wrote."""
    for (number, sectors, seed, _, scratch), file in zip(told, files):
        with open(file, "rb") as drive:
            for lba in range(sectors):
                wanted = b"\x77" * 512 if written and lba == scratch else disk.pattern(lba, seed)
                same = drive.read(512) == wanted
                assert same, f"sector {lba} of drive {number:x} changed"


def dynamic(raw, path):
    """A dynamic VHD without blocks where the disk is empty, and with slack for them."""
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=dynamic,force_size=on", raw,
                    path],
                   check=True)
    mkimage("reserve", path, "--size", "4M", "--yes")


def vhdboot(shop, mode, bus="ide", drives=1, hide=False, grows=False, pieces=200):
    """A VHD in so many pieces on NTFS; further drives behind the flash. `grows`: what is written first has no block."""
    name = f"ours.{mode}.{bus}.{drives}"
    told, files = others(shop.path(name), drives)
    raw = conformance_disk(shop.path(name), mode, hooked=True, geometry=(SECTORS // (255 * 63), 255, 63),
                           others=() if hide else told, hide=hide, zero=[(SCRATCH_PAGE, disk.PAGE)] if grows else ())
    if grows:
        dynamic(raw, raw + ".vhd")
    else:
        vhd.make_fixed(raw + ".vhd", SECTORS, source=raw)
    with ONE_AT_A_TIME:                 # all flashes are made from one file's name
        flash = shop.formatted(raw + ".vhd", pieces=pieces, options=("--scatter",), name=name + ".img",
                               config="[a]\nvhd = \\disk.vhd\nhide = yes\n" if hide else None)
    image = extents(flash)
    before = outside(flash, image)
    with Qemu(flash, bus=bus, memory=MEMORY, mirror=False, limit=LIMIT, icount=None if bus == "ide" else ICOUNT,
              write=True, extra=[(file, bus) for file in files]) as pc:
        log = finish(pc)
    check_others(told, files, not hide)
    assert outside(flash, image) == before, "the flash changed outside of the image"
    return log


def seabios(shop, mode):
    """The drive itself. As everywhere here without SeaBIOS' copy of the screen on COM1: its last character comes at
    a tick of the timer, and may come into the middle of what the program says there."""
    told, files = others(shop.path(f"seabios.{mode}"), 1)
    path = conformance_disk(shop.path(f"seabios.{mode}"), mode, others=[(0x81, *told[0][1:])])
    with Qemu(path, memory=MEMORY, mirror=False, limit=LIMIT, icount=ICOUNT, extra=[(files[0], "ide")]) as pc:
        return finish(pc)


def memdisk(shop, mode):
    """The disk in memory, loaded by QEMU as MEMDISK's initrd; the machine's own drive is 81h."""
    told, files = others(shop.path(f"memdisk.{mode}"), 1)
    path = conformance_disk(shop.path(f"memdisk.{mode}"), mode, others=[(0x81, *told[0][1:])])
    with Qemu(files[0], memory=64, mirror=False, limit=LIMIT, icount=ICOUNT, options=[
            "-kernel", MEMDISK, "-initrd", path, "-append", "harddisk"]) as pc:
        return finish(pc)


class Server(http.server.BaseHTTPRequestHandler):
    """One file, in ranges: iPXE asks for nothing else."""
    protocol_version = "HTTP/1.1"
    path_served = None

    def log_message(self, *_):
        pass

    def answer(self, with_data):
        size = os.path.getsize(self.server.file)
        wanted = re.match(r"bytes=(\d+)-(\d+)$", self.headers.get("Range", ""))
        first, last = (int(wanted[1]), min(int(wanted[2]), size - 1)) if wanted else (0, size - 1)
        if first > last:
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        if with_data:
            with open(self.server.file, "rb") as file:
                file.seek(first)
                self.wfile.write(file.read(last - first + 1))

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)


def ipxe(shop, mode):
    """sanboot of an HTTP server's file, which cannot be written; the machine's own drive is 81h."""
    told, files = others(shop.path(f"ipxe.{mode}"), 1)
    path = conformance_disk(shop.path(f"ipxe.{mode}"), mode, others=[(0x81, *told[0][1:])], write_protected=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.file = path
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = f"dhcp && sanboot http://10.0.2.2:{server.server_port}/disk"
    try:
        with Qemu(files[0], memory=64, mirror=False, limit=LIMIT, options=[
                "-kernel", IPXE, "-append", command, "-netdev", "user,id=net",
                "-device", "virtio-net-pci,netdev=net,romfile="]) as pc:
            return finish(pc)
    finally:
        server.shutdown()
        server.server_close()


PROVIDERS = {
    "vhdboot": (vhdboot, "vhdboot, a VHD in 200 pieces"),
    "seabios": (seabios, "SeaBIOS, the bare IDE drive"),
    "memdisk": (memdisk, "MEMDISK {syslinux-common}"),
    "ipxe": (ipxe, "iPXE {ipxe}, `sanboot` over HTTP"),
}


class Run:
    """What one run said: checks by number and letter, as `ok`, `not ok` or `skip`; those of `without` do not count."""

    def __init__(self, log, without=()):
        self.check = {}
        for said, name in re.findall(r"^(ok|not ok|skip) (?:v86: )?(\d+\w*)\b", log, re.MULTILINE):
            self.check[name] = "skip" if name in without else said
        self.complete = "\n# end of all" in log
        self.faults = re.findall(r"^# v86: .* at (\S+)", log, re.MULTILINE)
        self.only_changed = re.findall(r"^not ok (?:v86: )?(\d+\w*)\b.*\n#.* only changed: (.*) by", log,
                                       re.MULTILINE)

    def count(self, said):
        return [name for name, what in self.check.items() if what == said]

    def missing(self, whole):
        """What it did not come to, measured by a run that came to its end."""
        if self.complete:
            return []
        return [name for name in whole.check if name not in self.check and whole.check[name] != "skip"
                and name not in HOOKED and not (name in WRITES and "26" in self.check)]


def run_one(shop, name, mode):
    return Run(PROVIDERS[name][0](shop, mode), CHANCE.get(name, ()))


def run_all(shop):
    with ThreadPoolExecutor(2) as pool:
        jobs = {(name, mode): pool.submit(run_one, shop, name, mode) for name in PROVIDERS for mode in MODES}
        return {key: job.result() for key, job in jobs.items()}


def in_order(names):
    return sorted(set(names), key=lambda n: (int(re.match(r"\d+", n)[0]), n))


def short(names):
    """4, 5, 6, 7 as 4-7."""
    out = []
    for name in in_order(names):
        last = out[-1] if out else None
        if last and name.isdigit() and last[1].isdigit() and int(name) == int(last[1]) + 1:
            last[1] = name
        else:
            out.append([name, name])
    return ", ".join(a if a == b else f"{a}-{b}" if int(b) > int(a) + 1 else f"{a}, {b}" for a, b in out)


def version(package):
    shown = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True,
                           check=True).stdout
    return re.sub(r"^\d+:|[-~+].*$", "", shown)


def cell(run, whole):
    """passed / failed / total, and which failed."""
    failed, missing = run.count("not ok"), run.missing(whole)
    passed = len(run.count("ok"))
    which = short(failed)
    if run.only_changed:
        what = ", ".join(sorted({w for _, w in run.only_changed}))
        which += f" ({len(run.only_changed)} of them only because {what} changed)"
    if missing:
        which += f"; then it hung before {short(missing)}"
    return f"{passed} / {len(failed) + len(missing)} / {passed + len(failed) + len(missing)}", which or "-"


def title(name):
    return re.sub(r"\{(.*?)\}", lambda m: version(m[1]), PROVIDERS[name][1])


def row(runs, name):
    cells = [c for mode in MODES for c in cell(runs[name, mode], runs["vhdboot", mode])]
    return f"| {title(name)} | " + " | ".join(cells) + " |"


def table(runs, names):
    lines = [BEGIN, "| INT 13h of | real mode | failed | virtual-8086 mode | failed |", "|---|---|---|---|---|"]
    return lines + [row(runs, name) for name in names] + [END]


def stored(path):
    """The table's lines in a file."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    return lines[lines.index(BEGIN):lines.index(END) + 1]


def stored_cell(name, mode):
    """What cell() would have to say, as the document has it; None where it has no such row."""
    rows = [re.split(r" \| ", line.strip("| ")) for line in stored(DOCUMENT)]
    at = 1 + 2 * list(MODES).index(mode)
    return next((tuple(cells[at:at + 2]) for cells in rows
                 if cells[0] == title(name) and len(cells) == 1 + 2 * len(MODES)), None)


def main():
    document = sys.argv[1] if len(sys.argv) > 1 else DOCUMENT
    with Workshop() as shop:
        runs = run_all(shop)
    text = "\n".join(table(runs, PROVIDERS))
    for (name, mode), run in runs.items():
        print(f"{name} {mode}: complete {run.complete}, instructions that faulted: {sorted(set(run.faults))[:5]}",
              file=sys.stderr)
    if document == "-":
        print(text)
        return
    old = "\n".join(stored(document))
    with open(document, encoding="utf-8") as file:
        whole = file.read()
    with open(document, "w", encoding="utf-8") as file:
        file.write(whole.replace(old, text))


if __name__ == "__main__":
    main()
