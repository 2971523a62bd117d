# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds VHDX files, odd and damaged ones included, and says what their disks hold.

    disk = Vhdx(64 * MIB, block_size=MIB)
    disk.store(100, sectors("a", 100, 8))           # 8 sectors from lba 100 on
    disk.write(path)
    disk.content() == what a reader must give

What must never surface is POISON: it fills gaps between blocks, sectors of partial blocks that the
bitmap does not claim, bitmaps of blocks that have no use for them, and what a log is to replace.
Everything about the layout is an attribute that a test may change before write(); poke() damages a file
that is written, reseal() makes its checksums right again.
"""
import functools
import struct
import uuid

SECTOR = 512
KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40
PAGE = 4096

NOT_PRESENT, UNDEFINED, ZERO, UNMAPPED, RESERVED, _, FULL, PARTIAL = range(8)

BAT = uuid.UUID("2DC27766-F623-4200-9D64-115E9BFD4A08")
METADATA = uuid.UUID("8B7CA206-4790-4B9A-B8FE-575F050F886E")
FILE_PARAMETERS = uuid.UUID("CAA16737-FA36-4D43-B3B6-33F0AA44E76B")
DISK_SIZE = uuid.UUID("2FA54224-CD1B-4876-B211-5DBED83BF4B8")
PAGE_83 = uuid.UUID("BECA12AB-B2E6-4523-93EF-C309E000C746")
LOGICAL_SECTOR = uuid.UUID("8141BF1D-A96F-4709-BA47-F233A8FAAB5F")
PHYSICAL_SECTOR = uuid.UUID("CDA348C7-445D-4471-9CC9-E9885251C556")
PARENT_LOCATOR = uuid.UUID("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C")
LOCATOR_TYPE = uuid.UUID("B04AEFB7-D19E-4A81-B789-25B8E9445913")
ZERO_ID = uuid.UUID(int=0)

USER, DISK, REQUIRED = 1, 2, 4                      # flags of metadata items
HEADERS = (64 * KIB, 128 * KIB)
REGION_TABLES = (192 * KIB, 256 * KIB)
POISON = (b"POISON! " * 64)


def _crc_table():
    table = []
    for value in range(256):
        for _bit in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC = _crc_table()


@functools.lru_cache(16)
def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def sealed(data):
    """A structure with the checksum in its bytes 4..7 made right."""
    data = bytearray(data)
    data[4:8] = bytes(4)
    data[4:8] = struct.pack("<I", crc32c(bytes(data)))
    return bytes(data)


def sectors(seed, lba, count):
    """Contents that tell where they belong."""
    return b"".join((b"%-6.6s%10x" % (seed.encode(), i)) * 32 for i in range(lba, lba + count))


def poison(length):
    return (POISON * (length // len(POISON) + 1))[:length]


class Log:
    """The log of a file that was not closed.

    pages = how many pages of the BAT, from its first one, stand only in the log (POISON in the file).
    start = sector of the ring where the active sequence starts; entries = how many entries it has.
    stale, torn: an older run elsewhere in the ring; a newer entry after the active ones that was not
    finished. Both would put POISON into the BAT. zeros: a zero descriptor with work to do.
    """

    def __init__(self, start=0, entries=2, pages=1, stale=False, torn=False, zeros=False):
        self.start = start
        self.entries = entries
        self.pages = pages
        self.stale = stale
        self.torn = torn
        self.zeros = zeros
        self.id = uuid.uuid4()
        self.flushed = None                         # the file's size, unless a test says otherwise
        self.none_valid = False                     # damages all entries


def log_entry(log_id, sequence, tail, size, writes, flushed=None):
    """One entry; a write is (offset, page) or (offset, length of zeros)."""
    flags = []
    data = []
    for offset, what in writes:
        if isinstance(what, int):
            flags.append(b"zero" + bytes(4) + struct.pack("<QQQ", what, offset, sequence))
            continue
        flags.append(b"desc" + what[-4:] + what[:8] + struct.pack("<QQ", offset, sequence))
        data.append(b"data" + struct.pack("<I", sequence >> 32) + what[8:-4] +
                    struct.pack("<I", sequence & 0xFFFFFFFF))
    head = 64 + 32 * len(flags)
    head += -head % PAGE
    length = head + PAGE * len(data)
    entry = b"loge" + bytes(4) + struct.pack("<IIQII", length, tail * PAGE, sequence, len(flags), 0)
    entry += log_id.bytes_le + struct.pack("<QQ", size if flushed is None else flushed, size)
    entry += b"".join(flags)
    return sealed(entry + bytes(head - len(entry)) + b"".join(data))


class Vhdx:
    def __init__(self, size, block_size=2 * MIB, fixed=False, parent=None, parent_path=None):
        self.size = size
        self.block_size = block_size
        self.fixed = fixed
        self.parent = parent                        # the parent's Vhdx
        self.sector_size = 512
        self.physical_sector_size = 4096
        self.state = {}                             # block -> state; else NOT_PRESENT
        self.data = {}                              # block -> its bytes
        self.bits = {}                              # block -> one byte a sector: 1 = here
        self.bitmap_poison = True                   # in bitmaps, for blocks that have no use for them
        self.order = None                           # blocks as they lie in the file; else by number
        self.gap = 0                                # MiB of POISON before each block
        self.metadata_first = False                 # before the BAT
        self.log_size = MIB
        self.log = None                             # a Log: the file was not closed
        self.old_log = None                         # a Log under a header that does not want it
        self.data_write_id = uuid.uuid4()
        self.sequence = (7, 8)                      # of the two headers
        self.header_ids = None                      # a data-write GUID for each header
        self.file_ids = [uuid.UUID(int=1), uuid.UUID(int=2)]    # a file-write GUID for each
        self.regions = []                           # further ones: (id, required)
        self.items = []                             # further ones: (id, flags, bytes)
        self.items_order = None                     # a key for sorting the items
        self.locator = None
        if parent is not None:
            self.locator = [("parent_linkage", "{%s}" % parent.data_write_id)]
            if parent_path is not None:
                self.locator.append(("relative_path", parent_path))
        self.place = {}                             # block -> offset in the file, after write()

    @property
    def ratio(self):
        return (self.sector_size << 23) // self.block_size

    @property
    def block_count(self):
        return -(-self.size // self.block_size)

    @property
    def kind(self):
        return "differencing" if self.parent else "fixed" if self.fixed else "dynamic"

    @staticmethod
    def filler(size):
        return poison(size)

    def store(self, lba, data):
        """Writes as a virtual machine would: whole blocks, in a child only the sectors."""
        per_block = self.block_size // SECTOR
        while data:
            block, first = divmod(lba, per_block)
            count = min(per_block - first, len(data) // SECTOR)
            child = self.parent is not None
            if block not in self.data:
                self.state[block] = PARTIAL if child else FULL
                self.data[block] = bytearray(poison(min(self.block_size, 2 * MIB)) if child else b"")
                self.bits[block] = bytearray(per_block)
            held = self.data[block]
            if len(held) < (first + count) * SECTOR:
                more = (first + count) * SECTOR - len(held)
                held += poison(more) if child else bytes(more)
            held[first * SECTOR:(first + count) * SECTOR] = data[:count * SECTOR]
            self.bits[block][first:first + count] = b"\1" * count
            data = data[count * SECTOR:]
            lba += count

    def _block_content(self, block, below):
        """A block's bytes over those of the parent."""
        state = self.state.get(block, NOT_PRESENT)
        held = self.data.get(block, b"")
        if state in (UNDEFINED, ZERO, UNMAPPED):
            return bytes(len(below))
        if state == FULL:
            return bytes(held[:len(below)]).ljust(len(below), b"\0")
        if state == PARTIAL:
            out = bytearray(below)
            for i, here in enumerate(self.bits[block]):
                at = i * SECTOR
                if here and at < len(below):
                    out[at:at + SECTOR] = held[at:at + SECTOR].ljust(SECTOR, b"\0")
            return bytes(out)
        return below

    def content(self, lba=0, count=None):
        """What a reader must give for `count` sectors from lba on (all of the disk)."""
        at = lba * SECTOR
        end = self.size if count is None else min(self.size, at + count * SECTOR)
        out = []
        while at < end:
            block = at // self.block_size
            start = block * self.block_size
            length = min(self.block_size, self.size - start)
            below = bytes(length)
            if self.parent is not None:
                below = self.parent.content(start // SECTOR, length // SECTOR).ljust(length, b"\0")
            stop = min(start + length, end)
            out.append(self._block_content(block, below)[at - start:stop - start])
            at = stop
        return b"".join(out)

    def stored(self):
        return sum(state in (FULL, PARTIAL) for state in self.state.values()) * self.block_size

    # The parts of the file

    def _header(self, index):
        log = self.log
        ids = self.header_ids or (self.data_write_id, self.data_write_id)
        head = b"head" + bytes(4) + struct.pack("<Q", self.sequence[index])
        head += self.file_ids[index].bytes_le + ids[index].bytes_le
        head += (log.id if log else ZERO_ID).bytes_le
        head += struct.pack("<HHIQ", 0, 1, self.log_size, self.log_offset)
        return sealed(head.ljust(PAGE, b"\0"))

    def _region_table(self):
        entries = [(BAT, self.bat_offset, self.bat_size, 1),
                   (METADATA, self.metadata_offset, MIB, 1)]
        for index, (region, required) in enumerate(self.regions):
            entries.append((region, self.extra_offset + index * MIB, MIB, required))
        table = b"regi" + bytes(4) + struct.pack("<II", len(entries), 0)
        for region, offset, length, required in entries:
            table += region.bytes_le + struct.pack("<QII", offset, length, required)
        return sealed(table.ljust(64 * KIB, b"\0"))

    def _locator(self):
        pairs = [(key.encode("utf-16-le"), value.encode("utf-16-le"))
                 for key, value in self.locator]
        at = 20 + 12 * len(pairs)
        out = LOCATOR_TYPE.bytes_le + struct.pack("<HH", 0, len(pairs))
        text = b""
        for key, value in pairs:
            out += struct.pack("<IIHH", at, at + len(key), len(key), len(value))
            text += key + value
            at += len(key) + len(value)
        return out + text

    def _metadata(self):
        flags = (1 if self.fixed else 0) | (2 if self.locator else 0)
        items = [(FILE_PARAMETERS, REQUIRED, struct.pack("<II", self.block_size, flags)),
                 (DISK_SIZE, REQUIRED | DISK, struct.pack("<Q", self.size)),
                 (PAGE_83, REQUIRED | DISK, uuid.UUID(int=0x83).bytes_le),
                 (LOGICAL_SECTOR, REQUIRED | DISK, struct.pack("<I", self.sector_size)),
                 (PHYSICAL_SECTOR, REQUIRED | DISK, struct.pack("<I", self.physical_sector_size))]
        if self.locator:
            items.append((PARENT_LOCATOR, REQUIRED, self._locator()))
        items += self.items
        if self.items_order:
            items.sort(key=self.items_order)
        table = b"metadata" + struct.pack("<HH", 0, len(items)) + bytes(20)
        body = b""
        for item, item_flags, data in items:
            table += item.bytes_le + struct.pack("<IIII", 64 * KIB + len(body), len(data),
                                                 item_flags, 0)
            body += data + bytes(-len(data) % 16)
        return (table.ljust(64 * KIB, b"\0") + body).ljust(MIB, b"\0")

    def _lay_out(self):
        """Gives every part its place."""
        chunks = -(-self.block_count // self.ratio)
        entries = chunks * (self.ratio + 1) if self.locator else self.block_count + chunks - 1
        self.bat_size = -(-entries * 8 // MIB) * MIB
        self.log_offset = MIB
        at = self.log_offset + self.log_size
        if self.metadata_first:
            self.metadata_offset, self.bat_offset = at, at + MIB
        else:
            self.bat_offset, self.metadata_offset = at, at + self.bat_size
        at += MIB + self.bat_size
        self.extra_offset = at
        at += MIB * len(self.regions)
        self.place = {}
        wanted = [n for n in (self.order or sorted(self.data))
                  if self.state[n] in (FULL, PARTIAL)]
        self.gaps = []
        for block in wanted:
            if self.gap:
                self.gaps.append((at, self.gap * MIB))
                at += self.gap * MIB
            self.place[block] = at
            at += self.block_size
        self.bitmaps = {}
        for chunk in sorted({n // self.ratio for n in wanted if self.state[n] == PARTIAL}):
            self.bitmaps[chunk] = at
            at += MIB
        self.file_size = at

    def _bat(self):
        """Pieces of the BAT that are not zero: offset in it -> bytes."""
        out = {}

        def put(index, entry):
            page = out.setdefault(index * 8 // PAGE * PAGE, bytearray(PAGE))
            struct.pack_into("<Q", page, index * 8 % PAGE, entry)
        for block, state in self.state.items():
            put(block + block // self.ratio, self.place.get(block, 0) | state)
        for chunk, offset in self.bitmaps.items():
            put((chunk + 1) * self.ratio + chunk, offset | FULL)
        return out

    def _bitmap(self, chunk):
        """Bits of partial blocks are what they must be, all others ones or junk."""
        out = bytearray(poison(MIB) if self.bitmap_poison else MIB)
        per_block = self.block_size // SECTOR // 8
        for block, bits in self.bits.items():
            if block // self.ratio == chunk and self.state[block] == PARTIAL:
                packed = bytearray(per_block)
                for i, here in enumerate(bits):
                    packed[i // 8] |= (here & 1) << i % 8
                at = block % self.ratio * per_block
                out[at:at + per_block] = packed
        return bytes(out)

    def _log_writes(self, log, bat):
        """What the active entries write, and what stands in the file instead: the BAT's first pages."""
        bad = struct.pack("<Q", self.bat_offset | FULL) * (PAGE // 8)
        writes = []
        for page in range(log.pages):
            good = bytes(bat.get(page * PAGE, bytes(PAGE)))
            offset = self.bat_offset + page * PAGE
            if log.zeros and not any(good):
                writes.append((offset, PAGE))
            else:
                writes.append((offset, good))
        return writes, bad

    def _log_ring(self, log, bat):
        """The ring's bytes."""
        ring = bytearray(poison(self.log_size))
        writes, bad = self._log_writes(log, bat)
        bad_writes = [(offset, bad) for offset, _what in writes]

        def put(sector, entry):
            for i in range(0, len(entry), PAGE):
                at = (sector * PAGE + i) % self.log_size
                ring[at:at + PAGE] = entry[i:i + PAGE]
            return (sector + len(entry) // PAGE) % (self.log_size // PAGE)

        def make(sequence, tail, what):
            return log_entry(log.id, sequence, tail, self.file_size, what, log.flushed)
        if log.stale:
            old = (log.start + 100) % (self.log_size // PAGE)
            then = put(old, make(40, old, bad_writes))
            put(then, make(41, old, bad_writes))
        at = log.start
        for number in range(log.entries):           # the last one puts right what the others wrote
            last = number == log.entries - 1
            at = put(at, make(90 + number, log.start, writes if last else bad_writes))
        if log.torn:
            torn = bytearray(make(90 + log.entries, log.start, bad_writes))
            torn[-2048:] = poison(2048)
            put(at, torn)
        if log.none_valid:
            for sector in range(0, len(ring), PAGE):
                if ring[sector:sector + 4] == b"loge":
                    ring[sector + 4] ^= 1
        return bytes(ring), {offset: bad for offset, _what in writes}

    def write(self, path):
        self._lay_out()
        bat = self._bat()
        with open(path, "wb") as f:
            f.truncate(self.file_size)

            def put(offset, data):
                f.seek(offset)
                f.write(data)
            put(0, "vhdxfilevhdboot test"[:8].encode() + "vhdboot test".encode("utf-16-le"))
            for index in range(2):
                put(HEADERS[index], self._header(index))
                put(REGION_TABLES[index], self._region_table())
            put(self.metadata_offset, self._metadata())
            for offset, page in bat.items():
                put(self.bat_offset + offset, page)
            for block, offset in self.place.items():
                put(offset, self.data[block])
            for offset, length in self.gaps:
                put(offset, poison(length))
            for chunk, offset in self.bitmaps.items():
                put(offset, self._bitmap(chunk))
            log = self.log or self.old_log
            if log:
                ring, instead = self._log_ring(log, bat)
                put(self.log_offset, ring)
                if self.log:
                    for offset, page in instead.items():
                        put(offset, page)
        return self


def poke(path, offset, data):
    """Overwrites bytes of a file."""
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(data)


def reseal(path):
    """Makes the checksums of headers and region tables right."""
    with open(path, "r+b") as f:
        for places, length in ((HEADERS, PAGE), (REGION_TABLES, 64 * KIB)):
            for offset in places:
                f.seek(offset)
                data = sealed(f.read(length))
                f.seek(offset)
                f.write(data)
