# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad BIOSes: a floppy with tests/oldbios/oldbios.asm, whose table says what is bad.

    floppy(path, code, "NO_EDD sectors_max=7")      # then Qemu(flash, options=boot_from(path))

A quirk is the name of a bit in oldbios.asm, or a field of its table with a value."""
import os
import random
import re
import struct
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "oldbios.asm")
FIELDS = {"sectors_max": ("<H", 0x14), "refusal": ("<B", 0x16), "limit_status": ("<B", 0x17),
          "limit": ("<I", 0x18), "start_dl": ("<B", 0x1C),
          "told": ("<I", 0x20)}
FLOPPY_SIZE = 1440 * 1024

# Alone and in combinations: one of each row at the most. None of them stops a boot.
SURVIVED = [
    ["NO_EDD", "NO_48", "ZEROED_48", "WRAPS"],
    ["LOSES_HIGH"], ["LOSES_BX"], ["LOSES_SI"], ["LOSES_ES"], ["IF_OFF"], ["DF_SET"],
    ["NO_BORDER"], ["FIRST_FAILS"], ["LIES_128"],
    ["sectors_max=1", "sectors_max=7", "sectors_max=63", "sectors_max=1 refusal=9",
     "sectors_max=7 refusal=9", "sectors_max=63 refusal=9"],
    ["start_dl=0x81", "start_dl=0", "start_dl=0xff", "AS_FLOPPY start_dl=0"],
    ["NO_E820", "UNSORTED", "OVERLAPPING", "UNSORTED OVERLAPPING", "NO_E820 NO_E801"],
    # With A20 off the handler moves blocks by AH=87h.
    ["A20_OFF", "A20_OFF NO_24", "A20_OFF IF_ON_87", "A20_OFF NO_87", "A20_OFF NO_87 NO_24", "A20_OFF BITS24_87",
     "NO_87", "IF_ON_87", "BITS24_87"],
]


def bits():
    with open(SOURCE, encoding="utf-8") as source:
        return {name: int(bit) for name, bit in re.findall(r"^([A-Z0-9_]+)\s+equ (\d+)\b", source.read(), re.M)
                if name not in ("KIB", "ENTRIES_MAX")}


def assemble(out):
    subprocess.run(["nasm", "-f", "bin", "-Wall", SOURCE, "-o", out], check=True)
    with open(out, "rb") as code:
        return code.read()


def floppy(path, code, quirks):
    """Writes a floppy image with these quirks, names and field=value, separated by blanks."""
    code = bytearray(code)
    known = bits()
    flags = 0
    for quirk in quirks.split():
        name, _, value = quirk.partition("=")
        if value:
            form, offset = FIELDS[name]
            struct.pack_into(form, code, offset, int(value, 0))
        else:
            flags |= 1 << known[name]
    struct.pack_into("<I", code, 0x10, flags)
    with open(path, "wb") as file:
        file.write(code)
        file.truncate(FLOPPY_SIZE)
    return path


def boot_from(path):
    """QEMU's options for a floppy that boots before all disks."""
    return ["-drive", f"if=none,id=floppy0,driver=raw,file.driver=file,file.filename={path},snapshot=on",
            "-device", "floppy,drive=floppy0", "-global", "isa-fdc.bootindexA=0"]


def alone():
    return [quirk for row in SURVIVED for quirk in row]


def combinations(count, seed):
    """So many random combinations, the same for the same seed."""
    chance = random.Random(seed)
    for _ in range(count):
        rows = chance.sample(SURVIVED, chance.randint(2, len(SURVIVED)))
        yield " ".join(sorted(chance.choice(row) for row in rows))
