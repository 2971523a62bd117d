# SPDX-License-Identifier: GPL-2.0-or-later
"""The protocol of writes to a dynamic or differencing VHD once more, in Python, so that it can be done wrong:
a judge that does not see these orders is worth nothing.

    Model(flash, "disk.vhd", wrong="no scrub").session(rng, 30, "record")

writes the record that a machine would have made. `wrong`: None, or one of WRONG."""
import struct
import subprocess

import scribe
from flash import mkimage_json, tool

SECTOR = 512
ABSENT = 0xFFFFFFFF
WRONG = {                               # what is wrong: kinds of image for which it is
    "no scrub": ("dynamic",),                               # what the slack held shows through
    "block linked first": ("dynamic", "differencing"),      # before bitmap and data
    "bits before data": ("differencing",),                  # in a block that is there
    "data before bits": ("dynamic",),                       # in a block with clear bits
    "old bits kept": ("differencing",),                     # in a new block on dirty slack
}


class Model:
    def __init__(self, flash, name, wrong=None):
        self.wrong = wrong
        self.extents = mkimage_json("extents", f"{flash}:/{name}")["extents"]
        self.file = bytearray(subprocess.run([tool("mkimage"), "cat", f"{flash}:/{name}"],
                                             stdout=subprocess.PIPE, check=True).stdout)
        self.differencing = struct.unpack_from(">I", self.file, 60)[0] == 4
        self.bat_at, _, self.entries, block_size = struct.unpack_from(">QIII", self.file, SECTOR + 16)
        self.block = block_size // SECTOR
        self.bitmap = -(-self.block // 8 // SECTOR)
        self.log = []

    def bat(self, index):
        return struct.unpack_from(">I", self.file, self.bat_at + 4 * index)[0]

    def put(self, sector, data):
        """Sectors of the file: into the model and into the record, a command an extent."""
        self.file[sector * SECTOR:sector * SECTOR + len(data)] = data
        while data:
            e = next(e for e in self.extents if e["file"] <= sector < e["file"] + e["count"])
            n = min(len(data) // SECTOR, e["file"] + e["count"] - sector)
            self.log.append((e["drive_lba"] + sector - e["file"], data[:n * SECTOR]))
            data = data[n * SECTOR:]
            sector += n

    def link(self, index, at):
        start = self.bat_at + index * 4 // SECTOR * SECTOR
        sector = bytearray(self.file[start:start + SECTOR])
        struct.pack_into(">I", sector, index * 4 % SECTOR, at)
        self.put(start // SECTOR, bytes(sector))

    def free(self):
        """After the highest block; data on 4 KiB."""
        used = [self.bat(i) for i in range(self.entries) if self.bat(i) != ABSENT]
        end = max([at + self.bitmap + self.block for at in used] +
                  [self.bat_at // SECTOR + -(-self.entries // 128) + 8])
        end += -(end + self.bitmap) % 8
        assert (end + self.bitmap + self.block) * SECTOR <= len(self.file) - SECTOR, "no slack"
        return end

    def set_bits(self, at, first, count, fresh=False):
        """Bitmap sectors that change (all of them, where the block is new)."""
        size = self.bitmap * SECTOR
        old = bytes(self.file[at * SECTOR:at * SECTOR + size])
        bits = bytearray(size) if fresh else bytearray(old)
        for i in range(first, first + count):
            bits[i // 8] |= 0x80 >> i % 8
        for n in range(self.bitmap):
            part = bytes(bits[n * SECTOR:(n + 1) * SECTOR])
            if fresh or part != old[n * SECTOR:(n + 1) * SECTOR]:
                self.put(at + n, part)

    def new_block(self, index, first, data):
        at, count = self.free(), len(data) // SECTOR
        if self.wrong == "block linked first":
            self.link(index, at)
        if not self.differencing:
            start = at + self.bitmap
            if self.wrong != "no scrub":
                self.put(start, bytes(self.block * SECTOR))
            self.set_bits(at, 0, self.block, fresh=True)
        self.put(at + self.bitmap + first, data)
        if self.differencing:
            self.set_bits(at, first, count, fresh=self.wrong != "old bits kept")
        if self.wrong != "block linked first":
            self.link(index, at)

    def old_block(self, at, first, data):
        steps = [lambda: self.put(at + self.bitmap + first, data),
                 lambda: self.set_bits(at, first, len(data) // SECTOR)]
        if self.wrong == "bits before data" or (not self.differencing and
                                                self.wrong != "data before bits"):
            steps.reverse()
        for step in steps:
            step()

    def write(self, lba, data):
        while data:
            index, first = divmod(lba, self.block)
            count = min(len(data) // SECTOR, self.block - first)
            part = data[:count * SECTOR]
            if self.bat(index) == ABSENT:
                self.new_block(index, first, part)
            else:
                self.old_block(self.bat(index), first, part)
            data = data[count * SECTOR:]
            lba += count

    def note(self, number, lba, count, generation, phase):
        data = b"NOTE" + struct.pack("<IIHBBB", number, lba, count, generation, 0x43, phase)
        self.log.append((scribe.NOTE_LBA, data.ljust(SECTOR, b"\0")))

    def session(self, rng, requests, sectors, record):
        for number in range(requests):
            count = rng.randint(1, 127)
            lba = rng.randrange(scribe.FIRST_LBA, sectors - count)
            generation = number + 1
            self.note(number, lba, count, generation, 1)
            self.write(lba, b"".join(scribe.pattern(i, generation) for i in range(lba, lba + count)))
            self.note(number, lba, count, generation, 2)
        with open(record, "wb") as f:
            f.write(struct.pack("<QQQI", 0x6A736677736872, 1, len(self.log), SECTOR).ljust(SECTOR, b"\0"))
            for sector, data in self.log:
                f.write(struct.pack("<QQQQ", sector, len(data) // SECTOR, 0, 0).ljust(SECTOR, b"\0") + data)
