# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks for the conformance program: their pattern, its configuration, and, for the handler alone,
a drive with a hand-made block map.

A pattern sector is its lba and a seed, repeated, so that a wrong sector anywhere shows.
"""
import os
import random
import re
import struct
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM_SECTORS = 64
PATTERN_START = 128
CONFIG_OFFSET = 16
CONFIG_MAGIC = 0x31534356

ZERO, DIRECT, SPLIT, MIXED, FILE = 0, 1, 2, 3, 5
REAL, V86, MEMORY, BRIEF, SHY = 1, 2, 4, 8, 16     # config.modes
FINISH_18, FINISH_19 = 0x18, 0x19        # config.finish
PAGE = 4096
SEAL = 0x6c616573                       # follows the last cell of a map


def pattern(lba, seed):
    return (struct.pack("<II", lba, seed ^ ~lba & 0xffffffff) * 63
            + struct.pack("<II", 0x5a5a5a5a, lba))


def code_end(build):
    """Where the resident handler's code ends in its segment."""
    symbols = subprocess.run(["nm", os.path.join(build, "resident.elf")], capture_output=True, text=True, check=True)
    return int(re.search(r"^(\w+) \w text_end$", symbols.stdout, re.MULTILINE)[1], 16)


def config(build, sectors, seed, scratch, no_write=0, others=(), geometry=(0, 0, 0),
           write_protected=False, hooked=False, hidden=(0, 0), zero=(), rounds=0, modes=REAL, bad=0,
           finish=0, hide=False):
    """struct config of harness.h; `others` are up to two drives: (number, sectors, seed, pattern start, scratch)."""
    zeros = list(zero) + [(0, 0)] * (8 - len(zero))
    drives = list(others) + [(0, 0, 0, 0, 0)] * (2 - len(others))
    return (struct.pack("<14I", CONFIG_MAGIC, sectors, seed, PATTERN_START, scratch, no_write,
                        *drives[0][1:], *drives[1][1:])
            + struct.pack("<HBBBBBB", *geometry, write_protected, hooked, modes, rounds)
            + struct.pack("<2I", *hidden)
            + b"".join(struct.pack("<II", *z) for z in zeros)
            + struct.pack("<IBBBBH", bad, finish, drives[0][0], drives[1][0], hide,
                          code_end(build) if hooked else 0))


def table_entry(start, count, heads=255, spt=63):
    """One active partition of type 83h, with CHS addresses of that geometry."""
    def chs(lba):
        cylinder, rest = divmod(lba, heads * spt)
        head, sector = divmod(rest, spt)
        if cylinder > 1023:
            return bytes([254, 0xff, 0xff])
        return bytes([head, (sector + 1) | cylinder >> 8 << 6, cylinder & 0xff])
    return (b"\x80" + chs(start) + b"\x83" + chs(start + count - 1)
            + struct.pack("<II", start, count))


def disk_head(build, settings, sectors):
    """Boot record and program with its configuration: the first sectors of a disk."""
    with open(os.path.join(build, "int13", "boot.bin"), "rb") as f:
        boot = bytearray(f.read())
    with open(os.path.join(build, "int13", "program.bin"), "rb") as f:
        program = bytearray(f.read())
    with open(os.path.join(build, "int13", "v86", "monitor.bin"), "rb") as f:
        monitor = f.read()
    program[CONFIG_OFFSET:CONFIG_OFFSET + len(settings)] = settings
    assert len(program) <= PROGRAM_SECTORS * 512
    program = program.ljust(PROGRAM_SECTORS * 512, b"\0") + monitor
    assert not any(boot[446:510]), "boot.bin reaches into the partition table"
    boot[446:462] = table_entry(PATTERN_START, sectors - PATTERN_START)
    return bytes(boot + program).ljust(PATTERN_START * 512, b"\0")


def plain(path, build, seed, sectors, **settings):
    """A disk that is nothing but the program and its pattern; the settings are those of config()."""
    with open(path, "wb") as f:
        f.write(disk_head(build, config(build, sectors, seed, **settings), sectors))
        for lba in range(PATTERN_START, sectors):
            empty = any(first <= lba < first + count for first, count in settings.get("zero", ()))
            f.write(bytes(512) if empty else pattern(lba, seed))


def pattern_drive(path, sectors, seed, start=0):
    with open(path, "wb") as f:
        f.seek(start * 512)
        for lba in range(start, sectors):
            f.write(pattern(lba, seed))
        f.truncate(sectors * 512)


MAP_SECTORS = 112                        # room for the map, as loader.asm has it


class Header:
    """The resident's header, by the names and offsets of resident_abi.h as offsets.inc has them."""

    def __init__(self, build):
        self.offset = {}
        with open(os.path.join(build, "resident", "offsets.inc")) as f:
            for line in f:
                match = re.match(r"%define HEADER_(\w+) (\d+)", line)
                if match:
                    self.offset[match[1]] = int(match[2])
        with open(os.path.join(build, "resident.bin"), "rb") as f:
            image = f.read()
        self.segment = bytearray(0x100) + image
        self.segment = self.segment.ljust(8192, b"\0")

    def put(self, field, form, *values):
        struct.pack_into("<" + form, self.segment, 0x100 + self.offset[field], *values)


def cell(kind, lba=0, first=0, writable=False, drive=0):
    return kind | writable << 3 | drive << 4 | first << 8 | lba << 24


def header(build, map_address, sectors, pages, cells, cylinders, chs=(255, 63)):
    """The handler's header for one drive with EDD."""
    h = Header(build)
    h.put("map_address", "I", map_address)
    h.put("page_count", "II", pages, cells)
    h.put("sectors", "Q", sectors)
    h.put("hidden", "4I", 0, 0xa0000, map_address, map_address + MAP_SECTORS * 512)
    h.put("cylinders", "HBB", cylinders, 255, 63)
    h.put("page_shift", "BBB", 12, 0, 1)
    h.put("page_last", "I", (1 << 12) - 1)
    h.put("bounce_sectors", "B", 1)
    h.put("bios_sectors_max", "B", 127)
    h.put("drive_count", "B", 1)
    h.put("drive_edd", "B", 1)
    h.put("drive_heads", "B", chs[0])
    h.put("drive_spt", "B", chs[1])
    h.put("fdpt", "HBHHBBBBBHB", cylinders, 255, 0, 0xffff, 0, 8, 0, 0, 0, cylinders - 1, 63)
    h.put("edd", "HHIIIQHI", 30, 3, cylinders, 255, 63, sectors, 512, 0xffffffff)
    return h


def counted(path, build, map_address):
    """A drive for count.asm, with a page of each kind. Reads of all but the first sector go to a BIOS that
    does nothing, so nothing else is on the drive. Returns (what, lba) pairs, a read of 8 sectors each."""
    cells, runs = [cell(DIRECT, 2048, 0, True)], []
    pages, disk_pages = 12, 10
    places = [("direct", 1000)]

    def split(starts):
        """A page cell with runs that start there, scattered over the drive."""
        first = pages + len(runs)
        runs.extend(cell(DIRECT, 100000 + 20 * (i * 7919 % 10007), start, True)
                    for i, start in enumerate(starts))
        return cell(SPLIT, first, len(starts) - 1)

    def mixed(base, own, sectors):
        """The page cell of a record, whose own sectors these are."""
        first = pages + len(runs)
        words = [sum(1 << (i ^ 7) for i in range(64) if word + i in sectors) for word in range(0, PAGE, 64)]
        runs.extend([base, cell(FILE, own, 0, True)] + words)
        return cell(MIXED, first, 0, True)

    def page(what, value, within):
        places.append((what, len(cells) * PAGE + within))
        cells.append(value)

    # One run of 8 sectors among as many of one as there can be: each search is as long as any. The run
    # lies over a border of the bitmap's words.
    at = 3004
    run = range(at, at + 8)
    most = split([i for i in range(PAGE) if i not in run[1:]])
    page("in 40 runs", split(range(0, 4000, 100)), 2050)
    page("in 512 runs", split(range(0, PAGE, 8)), 8 * 341)
    page(f"in {PAGE - 7} runs", most, at)
    page("mixed, all its own, the file in one piece", mixed(most, PAGE, range(PAGE)), at)
    page("mixed, all its own, the file in many runs", mixed(most, 0, range(PAGE)), at)
    page("mixed, few of its own", mixed(most, 0, run), at)
    page("mixed, its parent's in many runs", mixed(most, 0, set(range(PAGE)) - set(run)), at)
    cells += [cell(DIRECT, 500000 + 5000 * i, 0, True) for i in range(disk_pages - len(cells))]
    cells += [most, cell(DIRECT, 900000, 0, True)]       # the file's pages
    table = cells + runs
    assert len(cells) == pages and len(table) * 8 < MAP_SECTORS * 512

    sectors = disk_pages * PAGE
    h = header(build, map_address, sectors, pages, len(table), cylinders=2)
    h.put("file_page", "I", disk_pages)
    with open(os.path.join(build, "int13", "count.bin"), "rb") as f:
        boot = bytearray(f.read())
    lbas = [lba for _, lba in places]
    struct.pack_into(f"<{len(lbas) + 1}I", boot, 416, sectors - PAGE, *lbas)
    with open(os.path.join(build, "int13", "loader.bin"), "rb") as f:
        loader = f.read()
    with open(path, "wb") as f:
        f.write(loader + h.segment)
        f.write(struct.pack(f"<{len(table) + 1}Q", *table, SEAL))
        f.seek(2048 * 512)
        f.write(boot)
        f.truncate(4096 * 512)
    return places


def odd_pieces(sectors, seed):
    """Cells of the pages (("split", first run, runs) where a page has runs), the runs, the pieces (lba, drive_lba,
    count), what is zeros, and the end of it all on the drive. mapped() says which page is what."""
    rng = random.Random(seed)
    cells, runs, pieces, zeros = [], [], [], []
    place = 2048
    for page in range(-(-sectors // PAGE)):
        count = min(PAGE, sectors - page * PAGE)
        base = page * PAGE
        if page in (2, 3, 6):
            cuts = sorted(rng.sample(range(1, count), {2: 39, 3: 999, 6: 127}[page]))
            cuts = [0] + cuts + [count]
            spans = list(zip(cuts, cuts[1:]))
            where, at = {}, place
            for span in rng.sample(spans, len(spans)):
                where[span] = at
                at += span[1] - span[0] + 1
            place = at
            cells.append(("split", len(runs), len(spans)))
            for number, span in enumerate(spans):
                if page == 2 and number in (5, 17, 39):
                    zeros.append((base + span[0], span[1] - span[0]))
                    runs.append(cell(ZERO, 0, span[0]))
                else:
                    pieces.append((base + span[0], where[span], span[1] - span[0]))
                    runs.append(cell(DIRECT, where[span], span[0], True))
        elif page == 4:
            zeros.append((base, count))
            cells.append(cell(ZERO))
        else:
            pieces.append((base, place, count))
            cells.append(cell(DIRECT, place, 0, page != 5))
            place += count + rng.randrange(1, 300)
    return cells, runs, pieces, zeros, place


def mapped(path, build, seed, map_address, sectors=24 * PAGE, edd=True, chs=(255, 63),
           bios_max=127, write_protected=False, whole=1, rounds=0, modes=REAL, finish=0, bad=0, others=()):
    """A drive with loader, handler and a disk of odd pieces. The drive itself is 81h to the program,
    and has a pattern of its own behind the disk's pieces. Its size is a multiple of `whole`.

    Pages: 0 direct, 1 direct elsewhere, 2 in 40 pieces and holes, 3 in 1000 pieces, 4 zero, 5 not
    writable, 6 on direct pieces of one sector, others direct in reverse order; the last is cut. Returns where
    the sector `bad` is on the drive.
    """
    sectors -= 100
    cells, runs, pieces, zeros, place = odd_pieces(sectors, seed)
    pages = len(cells)
    table = [cell(SPLIT, pages + c[1], c[2] - 1) if isinstance(c, tuple) else c for c in cells]
    table += runs
    assert len(table) * 8 < MAP_SECTORS * 512

    own_start, size = place + 100, -(-(place + 2048) // whole) * whole
    own = (0x81, size, seed ^ 0x5555, own_start, own_start + 200)
    cylinders = min(sectors // (255 * 63), 1024)
    settings = config(build, sectors, seed, scratch=7 * PAGE + 100, no_write=0 if write_protected else 5 * PAGE + 7,
                      geometry=(cylinders, 255, 63), hooked=True, others=[own, *others],
                      hidden=(map_address, map_address + MAP_SECTORS * 512), zero=zeros,
                      write_protected=write_protected, rounds=rounds, modes=modes, finish=finish, bad=bad)
    h = header(build, map_address, sectors, pages, len(table), cylinders, chs)
    h.put("page_shift", "BB", 12, write_protected)
    h.put("bios_sectors_max", "B", bios_max)
    h.put("drive_edd", "B", edd)

    with open(os.path.join(build, "int13", "loader.bin"), "rb") as f:
        loader = f.read()
    head = disk_head(build, settings, sectors)
    with open(path, "wb") as f:
        f.write(loader + h.segment)
        f.write(struct.pack(f"<{len(table) + 1}Q", *table, SEAL))
        for lba, drive_lba, count in pieces:
            f.seek(drive_lba * 512)
            for i in range(lba, lba + count):
                f.write(head[i * 512:i * 512 + 512] if i < PATTERN_START else pattern(i, seed))
        f.seek(own_start * 512)
        for lba in range(own_start, own_start + 200):
            f.write(pattern(lba, seed ^ 0x5555))
        f.truncate(size * 512)
    return next((at + bad - lba for lba, at, count in pieces if lba <= bad < lba + count), None)
