# SPDX-License-Identifier: GPL-2.0-or-later
"""`boot = ...`: other loaders, boot records and drives, started by their contracts and by nothing of ours.

What Debian does not have (bootmgr, NTLDR, grldr, FreeDOS' kernel ...) is tested by stand-ins with the same marks
(tests/guest/standin.asm), and NTLDR's contract against GRUB's own `ntldr` command on the same volume.
"""
import json
import os
import re
import struct
import subprocess

import pytest
from flash import MIB, START, mkimage, run, tool
from tools import ENV

FORMS = {"ntldr": (1, 413744), "record": (2, 4096), "freedos": (3, 46256), "grldr": (4, 300000),
         "freeldr": (5, 200000), "dos7": (6, 28672), "mbr": (7, 4096)}
GRUB = "/usr/lib/grub/i386-pc"
SIGNATURE = 0x0BADCAFE
GRUB_SAYS = "serial --unit=0 --speed=115200\nterminal_output serial\necho grub: root is $root\n"


@pytest.fixture
def standin(shop):
    """standin("ntldr") is the path of such a file."""
    def make(form):
        number, size = FORMS[form]
        path = shop.path(form)
        run("nasm", "-f", "bin", f"-DFORM={number}", f"-DSIZE={size}", "tests/guest/standin.asm", "-o", path)
        return path
    return make


@pytest.fixture
def stick(shop):
    """stick(config, {"/bootmgr": file}) is a disk with vhdboot, this config and these files."""
    return shop.stick


def said(pc):
    """What the stand-in was handed: {"eax": 0, ...}; record and entry as bytes."""
    pc.wait("standin: done")
    text = pc.log[pc.log.rindex("standin: eax"):]
    found = dict(re.findall(r"(\w+)=([0-9a-f]+)", text))
    return {name: bytes.fromhex(value) if name in ("record", "entry") else
            value if len(value) > 8 else int(value, 16) for name, value in found.items()}


def sum_of(path):
    with open(path, "rb") as file:
        data = file.read()
    return sum(struct.unpack(f"<{len(data) // 4}I", data)) & 0xffffffff


def boot_record_of(disk):
    """The partition's first sector with the drive's number in it."""
    with open(disk, "rb") as file:
        file.seek(START * 512)
        record = bytearray(file.read(512))
    assert struct.unpack_from("<I", record, 0x1c)[0] == START
    record[0x24] = 0x80
    return bytes(record)


def under_grub(shop, disk):
    """The same disk with GRUB in front, which starts /bootmgr by its command `ntldr`."""
    with open(shop.path("grub.cfg"), "w", encoding="ascii") as file:
        file.write("set root=(hd0,msdos1)\nntldr /bootmgr\nboot\n")
    core = shop.path("core.img")
    run("grub-mkimage", "-O", "i386-pc", "-p", "/", "-c", shop.path("grub.cfg"), "-o", core, "biosdisk",
        "part_msdos", "ntfs", "ntldr", "boot")
    other = shop.path("grub.img")
    run("cp", "--sparse=always", disk, other)
    with open(other, "r+b") as out, open(f"{GRUB}/boot.img", "rb") as boot, open(core, "rb") as image:
        out.write(boot.read()[:440])
        out.seek(512)
        out.write(image.read())
    return other


@pytest.mark.takes(30)
def test_ntldr_gets_what_grub_gives_it(shop, stick, standin, qemu):
    loader = standin("ntldr")
    disk = stick("[w]\nboot = \\bootmgr\n", {"/bootmgr": loader})
    pc = qemu(disk)
    pc.wait(r"^\\bootmgr: bootmgr$")
    pc.wait("^starting w$")
    ours = said(pc)
    theirs = said(qemu(under_grub(shop, disk)))
    for same in ("cs", "ss", "sp", "ds", "es", "fs", "gs", "record", "int13", "low", "sum", "drives"):
        assert ours[same] == theirs[same], same
    assert ours["sum"] == sum_of(loader)
    assert ours["record"] == boot_record_of(disk)
    assert ours["edx"] & 0xff == theirs["edx"] & 0xff == 0x80
    assert ours["flags"] & 0x600 == theirs["flags"] & 0x600 == 0        # IF, DF
    assert (ours["cs"], ours["ss"], ours["sp"], ours["ds"]) == (0x2000, 0, 0x7c00, 0)
    assert (ours["ebx"], ours["edx"], ours["esi"], ours["ebp"]) == (0x80, 0x80, 0x7c00, 0x7c00)
    with open(disk, "rb") as file:
        assert ours["entry"][8:16] == file.read(512)[0x1be + 8:0x1ce]


@pytest.mark.takes(40)
def test_ntldr_in_bochs(shop, stick, standin, bochs):
    disk = stick("[w]\nboot = \\bootmgr\n", {"/bootmgr": standin("ntldr")})
    shop.whole_tracks(disk)
    got = said(bochs(disk))
    assert (got["cs"], got["ss"], got["sp"], got["edx"], got["esi"]) == (0x2000, 0, 0x7c00, 0x80, 0x7c00)
    assert got["sum"] == sum_of(standin("ntldr"))
    assert got["record"] == boot_record_of(disk)


CONTRACTS = {       # cs, ss, sp, ds, esi, edx, IF
    "record": (0, 0, 0x7c00, 0, 0x7be, 0x80, 1),
    "freedos": (0x60, 0x1fe0, 0x7ba0, 0x1fe0, 0x7c00, 0x80, 0),
    "grldr": (0, 0, 0x7c00, 0, 0x7be, 0x80, 0),
    "freeldr": (0, 0, 0x7c00, 0, 0x7c00, 0x80, 0),
    "dos7": (0x70, 0, 0x7c00, 0, 0x7c00, 0x80, 0),
}


@pytest.mark.takes(10)
@pytest.mark.parametrize("form", CONTRACTS)
def test_a_file_is_told_by_its_content_and_started(stick, standin, qemu, form):
    loader = standin(form)
    disk = stick("[x]\nboot = /any name\n", {"/any name": loader})
    got = said(qemu(disk))
    assert (got["cs"], got["ss"], got["sp"], got["ds"], got["esi"], got["edx"],
            got["flags"] >> 9 & 1) == CONTRACTS[form]
    assert got["sum"] == sum_of(loader)
    assert got["ebx"] == 0x80 and not got["flags"] & 0x400
    if form in ("freeldr", "dos7", "freedos"):
        assert got["record"] == boot_record_of(disk)


# --- Other drives, partitions, the next device


def signed(shop, source, name="other.img", table=b"", mib=8):
    """A raw disk with this boot code, disk signature and partition table."""
    path = shop.path(name)
    with open(source, "rb") as file:
        data = bytearray(file.read())
    struct.pack_into("<I", data, 0x1b8, SIGNATURE)
    data[0x1be:0x1be + len(table)] = table
    with open(path, "wb") as out:
        out.write(data)
        out.truncate(mib * MIB)
    return path


def signature_of(disk):
    with open(disk, "rb") as file:
        return struct.unpack_from("<I", file.read(512), 0x1b8)[0]


@pytest.mark.takes(10)
@pytest.mark.parametrize("words", ["disk 1", "disk 81h"])
def test_another_disks_mbr_starts(shop, stick, standin, qemu, words):
    disk = stick(f"[other]\nboot = {words}\n")
    pc = qemu(disk, extra=[(signed(shop, standin("mbr")), "ide")])
    pc.wait("^starting other$")
    got = said(pc)
    assert (got["cs"], got["ss"], got["sp"], got["ds"]) == (0, 0, 0x7c00, 0)
    assert got["edx"] == 0x81 and got["flags"] & 0x200
    assert got["second"] == f"{SIGNATURE:08x}{0x81:08x}"
    assert got["first"] == f"{signature_of(disk):08x}{0x80:08x}"
    assert got["drives"] == 2 and got["low"] == 639


@pytest.mark.takes(10)
def test_a_disk_whose_system_wants_80h_gets_it(shop, stick, standin, qemu):
    """Its active partition's boot record is one for NTLDR."""
    table = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 7, b"\xfe\xff\xff", 64, 1000)
    other = signed(shop, standin("mbr"), table=table)
    with open(other, "r+b") as file:
        file.seek(64 * 512 + 0x180)
        file.write(b"NTLDR is missing")
    disk = stick("[other]\nboot = disk 1\n")
    pc = qemu(disk, extra=[(other, "ide")])
    pc.wait("^drives 80h and 81h change places for it$")
    got = said(pc)
    assert got["edx"] == 0x80
    assert got["first"] == f"{SIGNATURE:08x}{0x80:08x}"                 # and DL is the caller's again
    assert got["second"] == f"{signature_of(disk):08x}{0x81:08x}"
    assert got["drives"] == 2 and got["low"] == 638


@pytest.mark.takes(10)
def test_ntldr_from_a_drive_that_is_not_80h(shop, stick, standin, qemu):
    """Our own drive is the second one: the first one leads here. NTLDR gets it as 80h."""
    second = stick("[w]\nboot = \\ntldr\n", {"/ntldr": standin("ntldr")})
    os.rename(second, shop.path("second.img"))
    first = stick("[s]\nboot = disk 1\n")
    with open(shop.path("second.img"), "r+b") as file:
        file.seek(0x1b8)
        file.write(struct.pack("<I", SIGNATURE))
    pc = qemu(first, extra=[(shop.path("second.img"), "ide")])
    pc.wait(r"^\\ntldr: NTLDR$")
    pc.wait("^drives 80h and 81h change places for it$")
    got = said(pc)
    assert got["edx"] == 0x80 and got["low"] == 638
    assert got["record"] == boot_record_of(shop.path("second.img"))
    assert got["first"] == f"{SIGNATURE:08x}{0x80:08x}"
    assert got["second"] == f"{signature_of(first):08x}{0x81:08x}"


@pytest.mark.takes(10)
def test_grub_starts_from_another_disk(shop, stick, qemu):
    """GRUB's boot.img and core.img go by DL."""
    with open(shop.path("grub.cfg"), "w", encoding="ascii") as file:
        file.write(GRUB_SAYS + "ls\nsleep 100\n")
    run("grub-mkimage", "-O", "i386-pc", "-p", "/", "-c", shop.path("grub.cfg"), "-o", shop.path("core.img"),
        "biosdisk", "part_msdos", "serial", "terminal", "echo", "sleep", "ls")
    other = shop.path("other.img")
    with open(other, "wb") as out, open(f"{GRUB}/boot.img", "rb") as boot, open(shop.path("core.img"), "rb") as core:
        out.write(boot.read()[:440] + bytes(70) + b"\x55\xaa" + core.read())
        out.truncate(8 * MIB)
    pc = qemu(stick("[grub]\nboot = disk 1\n"), extra=[(other, "ide")])
    pc.wait("grub: root is hd1")


@pytest.mark.takes(10)
@pytest.mark.parametrize("boot_img", (False, True), ids=("alone", "behind_boot_img"))
def test_grubs_core_img_starts_as_a_file(shop, stick, qemu, boot_img):
    """It finds the volume that it was started from."""
    with open(shop.path("grub.cfg"), "w", encoding="ascii") as file:
        file.write(GRUB_SAYS + "ls (hd0,msdos1)/\nsleep 100\n")
    run("grub-mkimage", "-O", "i386-pc", "-p", "(hd0,msdos1)/", "-c", shop.path("grub.cfg"), "-o",
        shop.path("core.img"), "biosdisk", "part_msdos", "ntfs", "serial", "terminal", "echo", "sleep", "ls")
    if boot_img:
        with open(shop.path("g2ldr"), "wb") as out:
            for part in (f"{GRUB}/boot.img", shop.path("core.img")):
                with open(part, "rb") as source:
                    out.write(source.read())
    file = shop.path("g2ldr" if boot_img else "core.img")
    pc = qemu(stick("[grub]\nboot = \\grub\n", {"/grub": file}))
    pc.wait(r"^\\grub: GRUB's core.img" + (" behind its boot.img$" if boot_img else "$"))
    pc.wait("grub: root is hd0,msdos1")
    pc.wait("vhdboot.bin")


def partitioned_twice(disk, content, kind=0x0e):
    """The disk with a second partition behind the first, which holds this. Returns where it starts."""
    with open(disk, "r+b") as file:
        end = file.seek(0, 2) // 512
        size = max(2048, len(content) // 512)
        file.write(content.ljust(size * 512, b"\0"))
        file.seek(0x1ce)
        file.write(struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", end, size))
    return end


def loads_itself(shop, standin):
    """A partition's contents: a boot record that loads the stand-in behind it."""
    with open(shop.path("loads.asm"), "w", encoding="ascii") as file:
        file.write(LOADS_ITSELF)
    run("nasm", "-f", "bin", shop.path("loads.asm"), "-o", shop.path("loads"))
    with open(standin("record"), "rb") as source, open(shop.path("loads"), "rb") as loads:
        record = bytearray(source.read())
        start = loads.read()
    record[:len(start)] = start
    return bytes(record)


@pytest.mark.takes(10)
def test_a_partitions_boot_record_starts(shop, stick, standin, qemu):
    disk = stick("[p]\nboot = partition 2\n")
    end = partitioned_twice(disk, loads_itself(shop, standin))
    pc = qemu(disk)
    pc.wait("^starting p$")
    got = said(pc)
    assert (got["cs"], got["ss"], got["sp"], got["esi"], got["ebp"]) == (0, 0, 0x7c00, 0x7be, 0x7be)
    assert got["edx"] == 0x80 and got["eax"] == 0
    assert struct.unpack("<II", got["entry"][8:16]) == (end, 2048)
    assert got["entry"][0] == 0x80 and got["entry"][4] == 0x0e
    assert struct.unpack_from("<I", got["record"], 0x1c)[0] == end
    assert got["record"][0x24] == 0x80


LOADS_ITSELF = """
        bits 16
        org 0x7c00
        jmp short go
        nop
        db "MSDOS5.0"
        dw 512
        db 4
        dw 1
        db 2
        dw 512, 2048
        db 0xf8
        dw 8, 32, 64
        dd 0, 0
        db 0, 0, 0x29
        times 0x3e - ($ - $$) db 0
go:     pushad
        mov eax, [0x7be + 8]
        inc eax
        mov [packet + 8], eax
        mov si, packet
        mov ah, 0x42
        int 0x13
        jc $
        popad
        jmp 0x7e00
packet: dw 16, 7, 0x7e00, 0
        dq 0
"""


@pytest.mark.takes(20)
def test_extlinux_starts_from_a_partition_that_was_moved(stick, qemu):
    """Its boot record finds ldlinux.sys by the partition entry that it is handed, and by nothing else: on its own
    disk the file system starts somewhere else."""
    disk = stick("[x]\nboot = partition 2\n")
    with open(tool("tests/extlinux.vhd"), "rb") as source:
        source.seek(2048 * 512)
        partitioned_twice(disk, source.read()[:-512], kind=0x83)
    pc = qemu(disk)
    pc.wait("^starting x$")
    pc.wait("EXTLINUX runs from the virtual disk")


@pytest.fixture
def floppy(shop, standin):
    """QEMU's options for a floppy disk that starts: SeaBIOS goes there after the first hard disk, and to no other
    hard disk."""
    path = shop.path("floppy.img")
    with open(path, "wb") as out, open(standin("mbr"), "rb") as source:
        out.write(source.read())
        out.truncate(1440 << 10)
    return ["-drive", f"if=floppy,format=raw,file={path}"]


@pytest.mark.takes(10)
def test_next_starts_the_next_device(stick, qemu, floppy):
    disk = stick("[n]\nboot = next\ntitle = Whatever comes\n")
    pc = qemu(disk, options=floppy)
    pc.wait("^starting Whatever comes$")
    got = said(pc)
    assert got["edx"] & 0xff == 0 and got["low"] == 639
    assert got["first"] == f"{signature_of(disk):08x}{0x80:08x}"


@pytest.mark.takes(10)
def test_esc_after_an_error_offers_the_next_device(stick, qemu, floppy):
    pc = qemu(stick("[a]\nboot = \\nothing\n"), options=floppy)
    pc.wait(r"^error: \\nothing: ")
    pc.wait("Esc for the next boot device")
    pc.keys("esc")
    assert said(pc)["edx"] & 0xff == 0


@pytest.mark.takes(10)
def test_esc_in_the_menu_asks_before_it_leaves(stick, qemu, floppy):
    pc = qemu(stick("timeout = none\n[a]\nboot = \\nothing\n[b]\nboot = disk 9\n"), options=floppy)
    pc.wait("Esc: next boot device")
    pc.keys("esc")
    pc.wait("any other key goes back")
    pc.keys("down")
    pc.wait("Esc: next boot device")
    pc.send("2")
    pc.wait("^error: disk 9: the BIOS knows no such drive")
    pc.wait("Esc: next boot device")
    pc.keys("esc")
    pc.wait("any other key goes back")
    pc.keys("ret")
    assert said(pc)["edx"] & 0xff == 0


@pytest.mark.takes(20)
def test_says_why_it_cannot_start(shop, stick, standin, qemu):
    with open(shop.path("big"), "wb") as file:
        file.write(b"\xe9\xd5\x01\xeb")
        file.truncate(512001)
    with open(shop.path("text"), "wb") as file:
        file.write(b"nothing that could be started" * 100)
    cases = {"\\big": "the file has 512001 bytes: only loaders of up to 500 KiB",
             "\\text": "this is neither a loader that is known nor a boot record",
             "disk 3": "disk 3: the BIOS knows no such drive",
             "disk 1": "disk 1: the disk has no boot record",
             "partition 3": "partition 3: the drive has no such partition"}
    config = "timeout = none\n" + "".join(f"[{n}]\nboot = {words}\n" for n, words in enumerate(cases))
    empty = shop.path("empty")
    with open(empty, "wb") as file:
        file.truncate(MIB)
    pc = qemu(stick(config, {"/big": shop.path("big"), "/text": shop.path("text")}), extra=[(empty, "ide")])
    for n, sentence in enumerate(cases.values()):
        pc.wait("Esc: next boot device")
        pc.send(str(n + 1))
        pc.wait("^error: .*" + re.escape(sentence))


def test_check_says_what_an_entry_starts(shop, stick, standin):
    disk = stick("[boot]\nboot = \\bootmgr\n[dos]\nboot = /io.sys\n[gone]\nboot = \\nothing\n[one]\nboot = disk 1\n"
                 "[two]\nboot = disk 82h\n[self]\nboot = partition 1\n[none]\nboot = partition 2\n"
                 "[next]\nboot = next\n",
                 {"/bootmgr": standin("ntldr"), "/io.sys": standin("dos7")})
    other = signed(shop, standin("mbr"))
    empty = shop.path("empty")
    with open(empty, "wb") as file:
        file.truncate(MIB)

    def check(name, *drives):
        done = subprocess.run([tool("mkimage"), "check", disk, "--entry", name, "--json",
                               *(word for drive in drives for word in ("--drive", drive))],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        answer = json.loads(done.stdout)
        assert done.returncode == (0 if answer["boots"] else 1)
        texts = [step["text"] for step in answer["steps"] if step["name"] == "start"]
        return answer["boots"], texts[0]

    assert check("boot") == (True, "\\bootmgr: bootmgr, 404 KiB, entered at 2000:0000")
    assert check("dos") == (True, "\\io.sys: IO.SYS of MS-DOS 7 or later, 28 KiB, entered at 0070:0200; the drive "
                                  "becomes 80h for it")
    assert not check("gone")[0]
    assert check("one") == (True, "drive 81h: cannot be known here whether the machine has it; name its further "
                                  "disks by --drive")
    assert check("one", other) == (True, f"drive 81h ({other}): has a boot record")
    assert check("two", other, other) == (True, f"drive 82h ({other}): has a boot record")
    assert check("one", empty) == (False, f"{empty}: the disk has no boot record: its sector 0 lacks 55AAh")
    assert check("self")[0] and "boot record at sector 2048" in check("self")[1]
    assert check("none") == (False, "partition 2: the drive has no such partition")
    assert check("next")[0]


@pytest.mark.takes(10)
def test_a_gpts_partition_gets_the_hand_over_of_its_entry(shop, standin, qemu):
    """There, SYSLINUX' MBR finds our partition and starts it."""
    disk = shop.partitioned(shop.volume(40))
    second = 2048 + 40 * 2048
    table = (f"label: gpt\nstart=2048, size={40 * 2048}, attrs=LegacyBIOSBootable, "
             f"type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\nstart={second}, size=2048\n")
    os.truncate(disk, 44 * MIB)
    subprocess.run(["sfdisk", "-q", "--wipe", "never", disk], input=table.encode(), check=True, env=ENV)
    with open(shop.path("vhdboot.cfg"), "w", encoding="ascii") as file:
        file.write("[p]\nboot = partition 2\n")
    run(tool("tools/fragment"), disk, shop.path("vhdboot.cfg"), "/vhdboot.cfg", 1)
    mkimage("install", disk, "--no-mbr", "--partition", "1", "--yes")
    with open(disk, "r+b") as file, open("/usr/lib/EXTLINUX/gptmbr.bin", "rb") as code:
        file.write(code.read())
        file.seek(second * 512)
        file.write(loads_itself(shop, standin))
        file.seek(2 * 512 + 128)
        entry = file.read(128)
    got = said(qemu(disk))
    assert got["eax"] == 0x54504721 and got["esi"] == 0x7be             # "!GPT"
    assert got["entry"][4] == 0xed and struct.unpack_from("<I", got["entry"], 8)[0] == second
    assert got["entry"][16:] == struct.pack("<I", 128) + entry
