# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes NTFS volumes with ntfs-3g, and edits their metadata in ways that ntfs-3g cannot.

build() formats an image file and fills it through a FUSE mount; Volume opens one and gives out MFT
records, attributes, runlists and index blocks as bytes that can be changed and put back, update
sequences included. Nothing here checks anything: making nonsense is what it is for.
"""
import os
import struct
import subprocess
import tempfile
import time

LIST, FILE_NAME, VOLUME_INFORMATION, DATA = 0x20, 0x30, 0x70, 0x80
INDEX_ROOT, INDEX_ALLOCATION, BITMAP, REPARSE = 0x90, 0xa0, 0xb0, 0xc0
END = 0xffffffff


def u(data, off, size):
    return int.from_bytes(data[off:off + size], "little")


def put(data, off, size, value):
    data[off:off + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")


def mkntfs(path, size, *options):
    with open(path, "wb") as f:
        f.truncate(size)
    subprocess.run(["mkntfs", "-q", "-F", "-f", "-L", "test", *options, path], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Mounted:
    """A FUSE mount of an image file for a `with` block; gone, and all on disk, after it."""

    def __init__(self, path, options="streams_interface=xattr"):
        self.path, self.options = path, options

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="ntfs-mount-")
        self.child = subprocess.Popen(["ntfs-3g", "-o", "no_detach," + self.options, self.path,
                                       self.dir], stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE)
        for _ in range(500):
            if os.path.ismount(self.dir):
                return self.dir
            if self.child.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError("cannot mount: " + self.child.stderr.read().decode(errors="replace"))

    def __exit__(self, *_):
        subprocess.run(["umount", self.dir], check=True)
        self.child.wait(60)
        self.child.stderr.close()
        os.rmdir(self.dir)


def can_mount():
    return os.path.exists("/dev/fuse") and os.geteuid() == 0


def encode_runs(runs):
    """[(lcn or None, count)] as mapping pairs, with the shortest fields."""
    def field(value):
        size = 1
        while not -(1 << 8 * size - 1) <= value < 1 << 8 * size - 1:
            size += 1
        return (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")

    out, at = b"", 0
    for lcn, count in runs:
        length = field(count)
        if lcn is None:
            out += bytes([len(length)]) + length
        else:
            delta = field(lcn - at)
            out += bytes([len(delta) << 4 | len(length)]) + length + delta
            at = lcn
    return out + b"\0"


def decode_runs(pairs):
    runs, at, pos = [], 0, 0
    while pos < len(pairs) and pairs[pos]:
        n, d = pairs[pos] & 15, pairs[pos] >> 4
        count = int.from_bytes(pairs[pos + 1:pos + 1 + n], "little", signed=True)
        if d:
            at += int.from_bytes(pairs[pos + 1 + n:pos + 1 + n + d], "little", signed=True)
        runs.append((at if d else None, count))
        pos += 1 + n + d
    return runs


class Volume:
    def __init__(self, path):
        self.f = open(path, "r+b", buffering=0)
        boot = self.read(0, 512)
        self.sector = u(boot, 11, 2)
        n = boot[13]
        self.cluster = self.sector * (n if n <= 128 else 1 << 256 - n)

        def size(field):
            return field * self.cluster if field < 128 else 1 << 256 - field
        self.record_size, self.index_size = size(boot[64]), size(boot[68])
        self.mirror = u(boot, 56, 8)
        self.clusters = u(boot, 40, 8) * self.sector // self.cluster
        self.mft = [(u(boot, 48, 8), -(-self.record_size // self.cluster))]
        self.mft = self.attr_runs(self.record(0), DATA)
        if self.find(self.record(0), LIST):
            self.mft = self.all_runs(0)

    def close(self):
        self.f.close()

    def read(self, off, size):
        return bytearray(os.pread(self.f.fileno(), size, off))

    def write(self, off, data):
        os.pwrite(self.f.fileno(), bytes(data), off)

    # Runs: [(lcn or None, count)]

    def run_bytes(self, runs):
        return b"".join(bytes(self.cluster * c) if l is None
                        else bytes(self.read(l * self.cluster, c * self.cluster)) for l, c in runs)

    def offset(self, runs, pos):
        for lcn, count in runs:
            if pos < count * self.cluster:
                return lcn * self.cluster + pos
            pos -= count * self.cluster
        raise IndexError(pos)

    # Blocks under update sequences

    @staticmethod
    def unfix(block):
        off, count = u(block, 4, 2), u(block, 6, 2)
        for i in range(1, count):
            block[i * 512 - 2:i * 512] = block[off + 2 * i:off + 2 * i + 2]
        return block

    @staticmethod
    def fix(block):
        block = bytearray(block)
        off, count = u(block, 4, 2), u(block, 6, 2)
        for i in range(1, count):
            block[off + 2 * i:off + 2 * i + 2] = block[i * 512 - 2:i * 512]
            block[i * 512 - 2:i * 512] = block[off:off + 2]
        return block

    def record_pieces(self, number):
        pos = number * self.record_size
        step = min(self.record_size, self.cluster)
        return [(self.offset(self.mft, pos + i), i, step) for i in range(0, self.record_size, step)]

    def raw_record(self, number):
        return b"".join(self.read(off, n) for off, _, n in self.record_pieces(number))

    def put_raw_record(self, number, data):
        for off, i, n in self.record_pieces(number):
            self.write(off, data[i:i + n])

    def record(self, number):
        return self.unfix(bytearray(self.raw_record(number)))

    def put_record(self, number, data):
        self.put_raw_record(number, self.fix(data))

    # Attributes

    def attrs(self, record):
        off = u(record, 20, 2)
        while u(record, off, 4) != END:
            yield off
            off += u(record, off + 4, 4)

    def name(self, record, off):
        start = off + u(record, off + 10, 2)
        return record[start:start + 2 * record[off + 9]].decode("utf-16le")

    def find(self, record, type_, name=""):
        for off in self.attrs(record):
            if u(record, off, 4) == type_ and self.name(record, off) == name:
                return off
        return None

    def attr_runs(self, record, type_, name=""):
        off = self.find(record, type_, name)
        end = off + u(record, off + 4, 4)
        return decode_runs(record[off + u(record, off + 32, 2):end])

    def value(self, record, type_, name=""):
        off = self.find(record, type_, name)
        if record[off + 8]:
            data = self.run_bytes(self.attr_runs(record, type_, name))
            return bytearray(data[:u(record, off + 48, 8)])
        start = off + u(record, off + 20, 2)
        return bytearray(record[start:start + u(record, off + 16, 4)])

    def list_entries(self, number):
        data, pos, out = self.value(self.record(number), LIST), 0, []
        while pos < len(data):
            n = u(data, pos + 4, 2)
            out.append(data[pos:pos + n])
            pos += n
        return out

    def all_runs(self, number, type_=DATA):
        record, out = self.record(number), []
        if not self.find(record, LIST):
            return self.attr_runs(record, type_)
        for entry in self.list_entries(number):
            if u(entry, 0, 4) == type_ and not entry[6]:
                out += self.attr_runs(self.record(u(entry, 16, 6)), type_)
        return out

    def replace_attr(self, record, off, attr):
        """Puts `attr` (bytes, padded to 8 here) in the place of the one at off; b'' removes it."""
        attr = bytes(attr) + bytes(-len(attr) % 8)
        if attr:
            attr = attr[:4] + struct.pack("<I", len(attr)) + attr[8:]
        used = u(record, 24, 4)
        tail = record[off + u(record, off + 4, 4):used]
        new = bytearray(record[:off] + attr + tail)
        put(new, 24, 4, len(new))
        assert len(new) <= self.record_size, "the record is full"
        return new + bytes(self.record_size - len(new))

    def insert_attr(self, record, off, attr):
        attr = bytes(attr) + bytes(-len(attr) % 8)
        attr = attr[:4] + struct.pack("<I", len(attr)) + attr[8:]
        used = u(record, 24, 4)
        new = bytearray(record[:off] + attr + record[off:used])
        put(new, 24, 4, len(new))
        assert len(new) <= self.record_size, "the record is full"
        return new + bytes(self.record_size - len(new))

    def nonresident(self, type_, runs, size, instance=0, lowest=0, initialized=None, flags=0,
                    pairs=None):
        clusters = sum(c for _, c in runs)
        head = struct.pack("<IIBBHHH", type_, 0, 1, 0, 64, flags, instance)
        head += struct.pack("<QqHB5xQQQ", lowest, lowest + clusters - 1, 64, 0,
                            clusters * self.cluster, size,
                            size if initialized is None else initialized)
        return head + (encode_runs(runs) if pairs is None else pairs)

    @staticmethod
    def resident(type_, value, instance=0, name=""):
        units = name.encode("utf-16le")
        start = 24 + len(units) + -len(units) % 8
        head = struct.pack("<IIBBHHHIHH", type_, 0, 0, len(name), 24, 0, instance, len(value),
                           start, 0)
        return head + units + bytes(start - 24 - len(units)) + value

    def set_runs(self, number, runs, size=None, **more):
        """Gives the file's unnamed data, which lie in its base record, these runs."""
        record = self.record(number)
        off = self.find(record, DATA)
        old = record[off:off + u(record, off + 4, 4)]
        if size is None:
            size = u(old, 48, 8)
        attr = self.nonresident(DATA, runs, size, u(old, 14, 2), **more)
        self.put_record(number, self.replace_attr(record, off, attr))

    # Clusters

    def free_clusters(self, count, skip=0):
        """`count` free clusters in one run, marked as used."""
        bitmap_record = self.record(6)
        runs = self.attr_runs(bitmap_record, DATA)
        bits = bytearray(self.run_bytes(runs))
        start = length = 0
        for lcn in range(self.clusters - 1):
            if bits[lcn >> 3] >> (lcn & 7) & 1:
                start, length = lcn + 1, 0
                continue
            length += 1
            if length == count + skip:
                break
        assert length == count + skip
        start += skip
        for lcn in range(start, start + count):
            bits[lcn >> 3] |= 1 << (lcn & 7)
        pos = 0
        for lcn, n in runs:
            self.write(lcn * self.cluster, bits[pos:pos + n * self.cluster])
            pos += n * self.cluster
        return start

    # Index blocks

    def index_runs(self, number):
        return self.attr_runs(self.record(number), INDEX_ALLOCATION, "$I30")

    def index_block(self, number, block):
        off = self.offset(self.index_runs(number), block * self.index_size)
        return self.unfix(self.read(off, self.index_size))

    def put_index_block(self, number, block, data):
        off = self.offset(self.index_runs(number), block * self.index_size)
        self.write(off, self.fix(data))

    @staticmethod
    def node_entries(data, head):
        """Offsets of the entries of the node whose header is at `head`, the last one included."""
        off = head + u(data, head, 4)
        while True:
            yield off
            if data[off + 12] & 2:
                return
            off += u(data, off + 8, 2)

    @staticmethod
    def entry_name(data, off):
        return data[off + 82:off + 82 + 2 * data[off + 80]].decode("utf-16le")


def restart_page(lsn, client, flags):
    """A page of $LogFile: the LSN, the first client in use (FFFFh: none), the area's flags."""
    data = bytearray(4096)
    data[:30] = struct.pack("<4sHHQIIHhH", b"RSTR", 30, 9, 0, 4096, 4096, 0x30, 1, 1)
    data[0x30:0x40] = struct.pack("<QHHHH", lsn, 1, 0xffff, client, flags)
    put(data, 30, 2, 7)
    return Volume.fix(data)


def split_mft(v, first_records, record=15):
    """Moves what $MFT has behind its first records elsewhere, and describes it by an extension
    record that an attribute list names. Returns the list's entries."""
    mft = v.record(0)
    off = v.find(mft, DATA)
    old = mft[off:off + u(mft, off + 4, 4)]
    (start, count), size = v.mft[0], u(old, 48, 8)
    keep = first_records * v.record_size // v.cluster
    rest = count - keep
    moved = v.free_clusters(rest)
    v.write(moved * v.cluster, v.read((start + keep) * v.cluster, rest * v.cluster))
    v.write((start + keep) * v.cluster, b"\xee" * (rest * v.cluster))

    extension = v.record(record)
    first = u(extension, 20, 2)
    attr = v.nonresident(DATA, [(moved, rest)] + v.mft[1:], 0, 0, keep)
    attr += bytes(-len(attr) % 8)
    attr = attr[:4] + struct.pack("<I", len(attr)) + attr[8:]
    extension[first:] = (attr + struct.pack("<II", END, 0)).ljust(v.record_size - first, b"\0")
    put(extension, 24, 4, first + len(attr) + 8)
    put(extension, 32, 8, 1 << 48)
    put(extension, 22, 2, 1)
    sequence = u(extension, 16, 2)
    v.put_record(record, extension)

    new = bytearray(v.nonresident(DATA, [(start, keep)], size, u(old, 14, 2)))
    put(new, 40, 8, u(old, 40, 8))
    mft = v.replace_attr(mft, off, new)
    entries = []
    for at in list(v.attrs(mft)):
        entries.append((u(mft, at, 4), 0, 1 << 48, u(mft, at + 14, 2)))
    entries.append((DATA, keep, record | sequence << 48, 0))
    entries.sort(key=lambda e: (e[0], e[1]))
    data = b"".join(struct.pack("<IHBBQQH6x", t, 32, 0, 26, vcn, ref, inst)
                    for t, vcn, ref, inst in entries)
    at = next(o for o in v.attrs(mft) if u(mft, o, 4) > LIST)
    mft = v.insert_attr(mft, at, v.resident(LIST, data, 30))
    v.put_record(0, mft)
    v.write(v.mirror * v.cluster, v.fix(mft))  # ntfs-3g wants the two to be alike
    return entries


def pattern(size, salt=0):
    """Bytes that differ from sector to sector."""
    return b"".join(struct.pack("<QQ", i * 16 + salt, salt) for i in range(-(-size // 16)))[:size]
