# SPDX-License-Identifier: GPL-2.0-or-later
"""Dynamic and differencing VHDs for tests, with everything about them adjustable; a second hand's work:
nothing here is shared with the project's own code. Fixed ones are in vhd.py.

    disk = DynamicVhd(64 << 20, block_size=512 << 10)
    disk.store(100, data)           # sectors from lba 100 on
    disk.write("a.vhd")

What belongs to nothing (gaps, sectors whose bit is 0) is filled with `poison`."""
import struct
import uuid
import zlib

SECTOR = 512
DYNAMIC, DIFFERENCING = 3, 4


def checksum(data, at):
    data = bytearray(data)
    data[at:at + 4] = bytes(4)
    data[at:at + 4] = struct.pack(">I", ~sum(data) & 0xFFFFFFFF)
    return bytes(data)


def footer(size, kind, identity, header_at, saved_state=0, creator=b"win ", chs=(65535, 16, 255)):
    data = struct.pack(">8sIIQI4sI4sQQHBBII16sB427x", b"conectix", 2, 0x10000, header_at, 0x2A000000,
                       creator, 0x60001, b"Wi2k", size, size, *chs, kind, 0, identity, saved_state)
    return checksum(data, 64)


def note(identity, first, end):
    """vhdboot's own sector for byte `end` of a file: all from byte `first` to there is zeros."""
    data = bytearray(struct.pack(">8sIIQQ16s464x", b"vhdbzero", 1, 0, first, end, identity))
    data[12:16] = struct.pack(">I", zlib.crc32(data))
    return bytes(data)


def noted(data):
    """Where the zeros begin, by the note in front of the footer at the end of a file's bytes; None where there is
    none that fits. What it says must be true."""
    place = len(data) - 2 * SECTOR
    first = int.from_bytes(data[place + 16:place + 24], "big")
    if data[place:place + SECTOR] != note(data[-SECTOR + 68:-SECTOR + 84], first, place):
        return None
    return first


def sectors(tag, lba, count):
    """Contents that tell where they belong."""
    return b"".join(f"{tag} {n} ".encode().ljust(SECTOR, b"+") for n in range(lba, lba + count))


class DynamicVhd:
    def __init__(self, size, block_size=2 << 20, identity=None, parent=None, poison=b"POISON! "):
        self.size = size
        self.block_size = block_size
        self.identity = identity or uuid.uuid4().bytes
        self.parent = parent                    # another DynamicVhd, or an id: makes it differencing
        self.parent_name = ""                   # in the header
        self.locators = []                      # (code, bytes)
        self.poison = poison
        self.blocks = {}                        # number -> {sector in block: bytes}
        self.order = None                       # numbers of blocks as they lie in the file
        self.align = SECTOR                     # of a block's data
        self.gap = 0                            # bytes before each block
        self.slack = 0                          # bytes before the footer: zeros,
        self.junk = False                       # or poison, up to the middle where the note is "of a part"
        self.note = None                        # a sector more of slack: a note that is "true", "of a part", or
                                                # not one: "another file's", "of another place", "half written"
        self.spare = 0                          # entries of the BAT beyond the disk
        self.header_at = SECTOR
        self.bat_at = 1536
        self.locators_at = None                 # else behind the BAT
        self.locator_space = SECTOR             # what a locator says that it reserves
        self.all_bits = True                    # dynamic: all bits of a block that is there are set
        self.creator = b"win "
        self.chs = (65535, 16, 255)
        self.saved_state = 0
        self.truncate_last = False              # the last block ends with the disk

    def store(self, lba, data):
        per_block = self.block_size // SECTOR
        for i in range(0, len(data), SECTOR):
            block, sector = divmod(lba + i // SECTOR, per_block)
            self.blocks.setdefault(block, {})[sector] = data[i:i + SECTOR]

    def locate(self, code, path):
        """A parent locator: W2ru and W2ku take UTF-16LE, the others bytes."""
        self.locators.append((code, path if isinstance(path, bytes) else path.encode("utf-16-le")))

    def filler(self, size):
        return (self.poison * (size // len(self.poison) + 1))[:size]

    def block_bytes(self, number):
        sectors = self.block_size // SECTOR
        stored = self.blocks[number]
        bitmap = bytearray((sectors // 8 + SECTOR - 1) // SECTOR * SECTOR or SECTOR)
        data = bytearray(self.filler(self.block_size) if self.parent else bytes(self.block_size))
        for i in range(sectors):
            if i in stored or (not self.parent and self.all_bits):
                bitmap[i // 8] |= 0x80 >> i % 8
            if i in stored:
                data[i * SECTOR:(i + 1) * SECTOR] = stored[i]
        if self.truncate_last and (number + 1) * self.block_size > self.size:
            data = data[:self.size - number * self.block_size]
        return bytes(bitmap), bytes(data)

    def header(self, bat_at, entries, locators):
        parent = bytes(16)
        if self.parent:
            parent = getattr(self.parent, "identity", self.parent)
        data = struct.pack(">8sQQIIII16sII", b"cxsparse", 0xFFFFFFFFFFFFFFFF, bat_at, 0x10000, entries,
                           self.block_size, 0, parent, 0, 0)
        data += self.parent_name.encode("utf-16-be").ljust(512, b"\0")
        for code, length, offset in locators:
            data += struct.pack(">4sIIIQ", code.encode(), self.locator_space, length, 0, offset)
        return checksum(data.ljust(1024, b"\0"), 36)

    def write(self, path):
        count = -(-self.size // self.block_size)
        entries = count + self.spare
        foot = footer(self.size, DIFFERENCING if self.parent else DYNAMIC, self.identity,
                      self.header_at, self.saved_state, self.creator, self.chs)
        with open(path, "wb") as f:
            end = self.bat_at + -(-entries * 4 // SECTOR) * SECTOR
            places = []
            at = self.locators_at or end
            for code, data in self.locators:
                f.seek(at)
                f.write(data.ljust(-(-len(data) // SECTOR) * SECTOR, b"\0"))
                places.append((code, len(data), at))
                at = f.tell()
            end = max(end, at)
            bat = [0xFFFFFFFF] * entries
            for number in self.order or sorted(self.blocks):
                bitmap, data = self.block_bytes(number)
                start = end + self.gap
                start += -(start + len(bitmap)) % self.align
                f.seek(end)
                f.write(self.filler(start - end))
                f.write(bitmap + data)
                bat[number] = start // SECTOR
                end = f.tell()
            f.seek(end)
            junk = (self.slack // 2 // SECTOR * SECTOR if self.note == "of a part" else self.slack) * self.junk
            f.write(self.filler(junk) + bytes(self.slack - junk))
            if self.note:
                place = f.tell()
                wrong = self.note == "another file's"
                data = note(bytes(16) if wrong else self.identity, end + junk * (self.note == "of a part"),
                            place + SECTOR * (self.note == "of another place"))
                f.write(data[:40] + bytes(472) if self.note == "half written" else data)
            f.write(foot)
            f.seek(0)
            f.write(foot)
            f.seek(self.header_at)
            f.write(self.header(self.bat_at, entries, places))
            f.seek(self.bat_at)
            f.write(struct.pack(f">{entries}I", *bat).ljust(-(-entries * 4 // SECTOR) * SECTOR, b"\xff"))
        return path

    def content(self, lba, count):
        """What a reader must see, without the parents' own: None for a sector that is theirs."""
        per_block = self.block_size // SECTOR
        for n in range(lba, lba + count):
            block, sector = divmod(n, per_block)
            stored = self.blocks.get(block)
            if stored is None:
                yield None
            elif sector in stored:
                yield stored[sector]
            else:
                yield None if self.parent else bytes(SECTOR)


def flatten(chain, sectors):
    """The disk of a chain, leaf first, as bytes; zeros where a parent's disk ends."""
    out = bytearray(sectors * SECTOR)
    for n in range(sectors):
        for disk in chain:
            if n >= disk.size // SECTOR:
                break
            data = next(disk.content(n, 1))
            if data is not None:
                out[n * SECTOR:(n + 1) * SECTOR] = data
                break
    return bytes(out)
