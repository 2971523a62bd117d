# SPDX-License-Identifier: GPL-2.0-or-later
"""The NTFS boot record loads vhdboot.bin from all kinds of volumes: sizes of clusters, sectors, records, directories;
files, $MFT and root directory in pieces."""
import random
import re
import struct
import subprocess

import craft
import pytest
from emulator import Qemu
from flash import tool
from records import NAME, STAGE2, boots, says, stage2


@pytest.mark.parametrize("cluster", [512, 1024, 2048, 8192, 65536, 131072, 1 << 20, 2 << 20])
def test_clusters_of_so_many_bytes(records, cluster):
    boots(records.volume(size=max(48 << 20, 64 * cluster), cluster=cluster).path, bus="virtio")


@pytest.mark.parametrize("sector, cluster", [(1024, 1024), (2048, 4096), (4096, 4096), (4096, 65536)])
def test_sectors_and_clusters_of_so_many_bytes(records, sector, cluster):
    boots(records.volume(sector=sector, cluster=cluster).path)


@pytest.mark.parametrize("cluster", [512, 4096])
def test_records_of_4096_bytes_sectors_of_512_on_clusters_of(records, cluster):
    v = records.volume(cluster=cluster)
    craft.grow_records(v)
    boots(v.path)


@pytest.mark.parametrize("size", [400, 512, 4096, 65536, 65537, 114688])
def test_a_file_of_so_many_bytes(records, size):
    boots(records.volume(data=stage2(size)).path)


def test_a_file_in_23_runs_backwards(records):
    v = records.volume()
    number = v.find(NAME)
    v.set_data(number, *v.scatter(number))
    boots(v.path)


@pytest.mark.parametrize("first", [False, True], ids=["no piece in the base record", "a piece in the base record"])
@pytest.mark.parametrize("stored", [False, True], ids=["attribute list resident", "attribute list non-resident"])
def test_a_file_in_176_runs_and_6_records(records, stored, first):
    v = records.volume(cluster=512)
    v.create([f"extension{i}" for i in range(6)])
    number = v.find(NAME)
    extensions = [v.find(f"extension{i}") for i in range(6)]
    runs, size = v.scatter(number)
    v.set_pieces(number, craft.DATA, runs, size, reversed(extensions), stored, keep_first=first)
    boots(v.path)


# --- $MFT in pieces


def merge(runs):
    merged = []
    for lcn, count in runs:
        if merged and merged[-1][0] + merged[-1][1] == lcn:
            merged[-1] = (merged[-1][0], merged[-1][1] + count)
        else:
            merged.append((lcn, count))
    return merged


def bend_mft(v, extension):
    """Moves $MFT from record 16 on; with `extension`, that record holds the second piece."""
    runs = v.mft_runs()
    assert len(runs) == 1, "runs of a fresh $MFT"
    lcn, count = runs[0]
    kept = 16 * 1024 // v.cluster
    content = v.read_runs(runs)
    record = v.record(0)
    data = v.data(0)
    far = [(n, 1) for n in v.free(count - kept)]
    v.write_runs([(lcn, kept)] + far, content)
    others = [a for a in craft.attributes(record) if a.type not in (craft.DATA, craft.LIST)]
    if extension is None:
        pieces = [craft.Attribute.stored(craft.DATA, [(lcn, kept)] + far, data.size, v.cluster)]
        own = []
    else:
        sequence = struct.unpack_from("<H", record, 16)[0]
        home = v.record(extension)
        struct.pack_into("<H", home, 22, 1)
        struct.pack_into("<IHH", home, 32, 0, 0, sequence)
        v.store(extension, craft.with_attributes(
            home, [craft.Attribute.stored(craft.DATA, far, 0, v.cluster, first=kept, number=41)]))
        home_sequence = struct.unpack_from("<H", home, 16)[0]
        pieces = [craft.Attribute.stored(craft.DATA, [(lcn, kept)], data.size, v.cluster, number=40)]
        entries = [craft.list_entry(a.type, 0, 0, sequence, 0, "") for a in others]
        entries += [craft.list_entry(craft.DATA, 0, 0, sequence, 40, ""),
                    craft.list_entry(craft.DATA, kept, extension, home_sequence, 41, "")]
        own = [craft.Attribute.resident(craft.LIST, b"".join(sorted(entries, key=lambda e: e[0])))]
    v.write(lcn * v.cluster,
            craft.unfix(craft.with_attributes(record, sorted(others + pieces + own, key=lambda a: a.type))))
    v.write((lcn + kept) * v.cluster, bytes((count - kept) * v.cluster))


def test_mft_in_two_runs(records):
    v = records.volume()
    bend_mft(v, extension=None)
    boots(v.path)


def test_mft_with_an_attribute_list(records):
    v = records.volume()
    bend_mft(v, extension=15)
    boots(v.path)


def test_a_record_across_two_runs_of_mft(records):
    v = records.volume(cluster=512)
    runs = v.mft_runs()
    split = v.find(NAME) * 2 + 1
    content = v.read_runs(runs)
    total = len(content) // 512
    area = v.free(total - split)
    moved = [(runs[0][0], split)] + [(lcn, 1) for lcn in area]
    assert runs[0][1] >= split, "mkntfs scattered $MFT"
    v.write_runs(moved, content)
    record = craft.fix(bytearray(content[:1024]))
    size = [a for a in craft.attributes(record) if a.type == craft.DATA][0].size
    kept = [a for a in craft.attributes(record) if a.type != craft.DATA]
    piece = craft.Attribute.stored(craft.DATA, merge(moved), size, 512)
    v.write(runs[0][0] * 512,
            craft.unfix(craft.with_attributes(record, sorted(kept + [piece], key=lambda a: a.type))))
    v.write(runs[0][0] * 512 + split * 512, bytes((runs[0][1] - split) * 512))
    boots(v.path)


def mft_in_runs(records, files):
    """$MFT in runs of one cluster but for its first 160 records, which hold those that tell of the others."""
    v = records.volume(cluster=512, data=False)
    v.create([f"extension {i}" for i in range(90)] + [f"file {i:05}" for i in range(files)])
    v.put(NAME, stage2(9000))
    homes = [v.find(f"extension {i}") for i in range(90)]
    assert max(homes) < 160
    runs = v.mft_runs()
    content = v.read_runs(runs)
    size = v.data(0).size
    kept, left = [], 320
    for lcn, count in runs:
        kept.append((lcn, min(count, left)))
        left -= kept[-1][1]
        if not left:
            break
    runs = kept + [(lcn, 1) for lcn in v.free(len(content) // 512 - 320)]
    v.write_runs(runs, content)
    v.set_pieces(0, craft.DATA, runs, size, homes, stored_list=True, keep_first=True)
    return v, len(runs)


def check_stage2(v):
    """What mkimage check says of vhdboot.bin."""
    done = subprocess.run([tool("mkimage"), "check", v.path], capture_output=True, text=True, check=False)
    return re.search(r"^(?:ok|FAIL) +stage2 .*", done.stdout, re.MULTILINE).group(0)


def list_entry_of_a_stream(v, number, n):
    """A list's entry for a named stream of the file, which nobody asks for."""
    sequence = struct.unpack_from("<H", v.record(number), 16)[0]
    return craft.list_entry(craft.DATA, 0, number, sequence, 100 + n, f"s{n:04}")


def test_mft_in_more_runs_than_a_thousand(records):
    v, runs = mft_in_runs(records, 1400)
    assert runs > 2000
    boots(v.path, bus="virtio")
    assert "fragments" not in check_stage2(v)


@pytest.mark.takes(10)
def test_mft_in_more_runs_than_the_boot_record_has_room_for(records):
    v, runs = mft_in_runs(records, 2900)
    assert runs > 5461
    says(v.path, r"MFT record \d+: too many fragments", bus="virtio")
    assert "more than the 5461 that the boot record knows" in check_stage2(v)


def test_a_root_directory_out_of_order_is_told_by_check_too(records):
    """The boot record goes down the tree only; mkimage's reader would find the file by a search of everything."""
    v = records.volume()
    v.create(["zz"])
    index = [a for a in craft.attributes(v.record(5)) if a.type == craft.INDEX][0]
    at = index.runs[0][0] * v.cluster
    block = craft.fix(v.read(at, 4096))
    pos, entries = 24 + struct.unpack_from("<I", block, 24)[0], []
    while not struct.unpack_from("<H", block, pos + 12)[0] & 2:
        entries.append(bytes(block[pos:pos + struct.unpack_from("<H", block, pos + 8)[0]]))
        pos += len(entries[-1])
    assert NAME.encode("utf-16-le") in entries[-2] and "zz".encode("utf-16-le") in entries[-1]
    mixed = entries[:-2] + [entries[-1], entries[-2]]
    block[pos - sum(map(len, mixed)):pos] = b"".join(mixed)
    v.write(at, craft.unfix(block))
    says(v.path, "it is not in the volume's root directory")
    assert "the root directory's names are out of order" in check_stage2(v)


@pytest.mark.takes(10)
def test_a_longer_attribute_list_than_the_boot_record_has_room_for(records):
    v = records.volume(cluster=512)
    v.create([f"extension{i}" for i in range(6)])
    number = v.find(NAME)
    homes = [v.find(f"extension{i}") for i in range(6)]
    v.set_pieces(number, craft.DATA, *v.scatter(number), homes)
    others = b"".join(list_entry_of_a_stream(v, number, n) for n in range(2000))
    found = craft.attributes(v.record(number))
    value = [a for a in found if a.type == craft.LIST][0].value + others
    assert len(value) > 61440
    runs = [(100_000, -(-len(value) // 512))]         # nothing of 64 MiB lies there
    v.write_runs(runs, value + bytes(-len(value) % 512))
    v.rewrite(number, sorted([a for a in found if a.type != craft.LIST]
                             + [craft.Attribute.stored(craft.LIST, runs, len(value), 512)], key=lambda a: a.type))
    says(v.path, r"MFT record \d+: too many fragments")
    assert "more than the 61440 that the boot record knows" in check_stage2(v)


def test_record_0_damaged_its_copy_in_mftmirr(records):
    v = records.volume()
    at = v.place(0)
    v.write(at + 510, b"xx")
    with Qemu(v.path, memory=16, limit=60) as pc:
        pc.wait("MFT record 0 is damaged, trying its copy")
        assert pc.wait(STAGE2).group(3) == "00000000", "sum"


# --- Directories


@pytest.mark.parametrize("names, cluster", [(60, 4096), (2500, 4096), (2500, 512), (1200, 65536)])
def test_so_many_files_around_it_on_clusters_of(records, names, cluster):
    v = records.volume(cluster=cluster, data=False)
    pick = random.Random(names)
    others = {f"{pick.choice('aUvVwé')}{pick.choice('ghHzß')}{n:05} and more of a name" for n in range(names)}
    v.create(sorted(others, key=lambda name: name[::-1]) + ["vhdboot.bi", "vhdboot.binary", "vhdboot"])
    v.put(NAME, stage2(9000))
    boots(v.path, bus="virtio", calls=16)


def test_a_root_directory_in_pieces_with_an_attribute_list(records):
    v = records.volume(cluster=1024, data=False)
    v.create([f"file number {n:04}" for n in range(600)] + [f"w{n}" for n in range(4)])
    v.put(NAME, stage2(9000))
    homes = [v.find(f"w{n}") for n in range(4)]
    index = [a for a in craft.attributes(v.record(5)) if a.type == craft.INDEX][0]
    content = v.read_runs(index.runs)
    runs = [(lcn, 1) for lcn in v.free(len(content) // 1024)]
    v.write_runs(runs, content)
    v.set_pieces(5, craft.INDEX, runs, index.size, homes, True, name="$I30")
    boots(v.path)


def test_a_name_in_capitals(records):
    v = records.volume(data=False)
    v.put("VHDBoot.BIN", stage2())
    boots(v.path)


# --- Names that differ only in case: the boot record and core take the same one


def cased(bits):
    """vhdboot.bin with capitals where the number has ones."""
    letters = list(NAME)
    for i, at in enumerate(n for n, c in enumerate(letters) if c.isalpha()):
        if bits >> i & 1:
            letters[at] = letters[at].upper()
    return "".join(letters)


@pytest.mark.parametrize("twins", [[1], [1023, 512], list(range(1, 1024))], ids=["one", "two", "1023"])
def test_the_exact_name_among_names_in_capitals(records, twins):
    v = records.volume(data=False)
    v.create([cased(bits) for bits in random.Random(5).sample(twins, len(twins))])
    v.put(NAME, stage2(9000))
    boots(v.path, bus="virtio")
    assert "9000 bytes" in check_stage2(v)


@pytest.mark.parametrize("twins", [[1023, 512], list(range(1, 1024))], ids=["two", "1023"])
def test_no_exact_name_among_several_in_capitals(records, twins):
    v = records.volume(data=False)
    v.create([cased(bits) for bits in twins])
    v.put(cased(1), stage2(9000))
    says(v.path, "several names differ only in case", bus="virtio")
    assert "several names differ only in case" in check_stage2(v)
