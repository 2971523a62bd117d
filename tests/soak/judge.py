# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares a flash with a model of it: what the machine reads, what ntfs-3g reads, what check says."""
import array
import functools
import os
import struct

import programs
from model import Refuse
from pieces import split
from programs import BROKEN, Loss

CONFIG, CODE = "/vhdboot.cfg", "/vhdboot.bin"
ASIDE = ("/vhdboot.sum", "/vhdboot.old")        # which no entry and no image needs


@functools.cache
def our_code():
    """The hash of vhdboot.bin, by the rule of look.c."""
    with open(os.path.join(programs.BUILD, "vhdboot.bin"), "rb") as file:
        data = file.read()
    total = 1
    for at in range(0, len(data), 1 << 16):
        piece = data[at:at + (1 << 16)]
        if piece == bytes(1 << 16):
            total = (total + 1) * 0x9E3779B97F4A7C15 & (1 << 64) - 1
            continue
        for (word,) in struct.iter_unpack("<Q", piece[:len(piece) // 8 * 8]):
            total = (total ^ word) * 0x9E3779B97F4A7C15 & (1 << 64) - 1
            total ^= total >> 29
        for byte in piece[len(piece) // 8 * 8:]:
            total = (total ^ byte) * 0x100000001B3 & (1 << 64) - 1
    return f"{total:016x}"


def disk_difference(model, places, seen):
    """What is wrong with a disk that was read, or None."""
    disk, maybe = model.disk(places)
    sectors = model.files[places[0]].sectors
    wanted = array.array("I", bytes(4 * sectors))
    for lba, tag in disk.items():
        wanted[lba] = tag
    if seen is None or len(seen) != sectors:
        return f"has {seen and len(seen)} sectors that can be read, not {sectors}"
    for lba, options in maybe.items():
        if seen[lba] in options:
            wanted[lba] = seen[lba]
    if seen == wanted:
        return None
    wrong = [n for n in range(sectors) if seen[n] != wanted[n]]
    first = wrong[0]
    holds = "something broken" if seen[first] == BROKEN else seen[first]
    return f"{len(wrong)} sectors, the first at lba {first}: it holds {holds}, not {wanted[first]}"


def entry_difference(model, volume, entry, fields):
    name, vhd, mode, starts, protected, sentence, runs = fields
    if name != entry.name or place_of(vhd, volume) != place_of(entry.vhd, volume) or mode != entry.mode:
        return f"entry {volume}/{name} is {vhd} {mode}, not {entry.name} {entry.vhd} {entry.mode}"
    try:
        places = model.starts(volume, entry)
    except Refuse as why:
        if starts == "1":
            return f"entry {name} starts, although: {why}"
        return None
    if starts != "1" and (model.is_apart(places) or ("boot record" in sentence and model.may_be_blank(places))):
        return None
    if starts != "1":
        return f"entry {name} does not start: {sentence}"
    wrong = disk_difference(model, places, programs.tags(runs))
    if wrong:
        return f"entry {name}: {wrong} {unread(runs)}"
    if entry.writes and not entry.force and model.asleep(places[0][0]):
        return None if protected == "1" else f"entry {name} can be written to, and Windows sleeps there"
    if protected == "1" and entry.write != "none" and not (entry.writes and may_be_full(model, places)):
        return f"entry {name} is write-protected"
    return None


def place_of(vhd, volume):
    on, path = split(vhd)
    return on or volume, path


def unread(runs):
    return runs[runs.index("?"):] if "?" in runs else ""


def may_be_full(model, places):
    """Nothing of it may be writable: an image without a block, which has perhaps no room for one."""
    image = model.files[places[0]]
    return image.torn or image.kind != "fixed" and not image.blocks


def image_difference(model, place, fields):
    _, sentence, runs = fields
    try:
        places = model.chain_of(*place)
    except Refuse as why:
        return None if sentence else f"image {place} can be opened, although: {why}"
    if sentence and model.is_apart(places):
        return None
    if sentence:
        return f"image {place} cannot be opened: {sentence}"
    wrong = disk_difference(model, places, programs.tags(runs))
    return f"image {place}: {wrong}{unread(runs)}" if wrong else None


def differences(model, seen, before, touched):
    """All that is not as the model says. `before`: sizes and hashes of files; `touched`: those that may differ."""
    empty = tuple(f"menu\t{v}\t" for v in model.menus if not model.menu(v))
    out = [odd for odd in seen.odd if not odd.startswith(empty)]
    there = {place for place in seen.files if place[1] not in ASIDE}
    extra, missing = there - set(model.files), set(model.files) - there
    out += [f"{place} is there" for place in sorted(extra)]
    out += [f"{place} is not there" for place in sorted(missing)]
    for place, now in seen.files.items():
        if place in before and before[place] != now and place not in touched and place[1] not in ASIDE:
            out.append(f"the bytes of {place} changed")
    for volume in model.menus:
        out += lines_lost(model, volume, seen.lines[volume])
        menu, found = model.menu(volume), seen.entries.get(volume, [])
        if len(found) != len(menu):
            out.append(f"volume {volume} has {len(found)} entries, not {len(menu)}")
        out += [d for e, fields in zip(menu, found) if (d := entry_difference(model, volume, e, fields))]
    for place, image in model.images():
        if place in seen.images:
            difference = image_difference(model, place, seen.images[place])
            out += [difference] * bool(difference)
        elif place in seen.files:
            out.append(f"{place} is no image any more")
    return out


def lines_lost(model, volume, lines):
    """What somebody wrote into the config by hand, and is not there any more."""
    names = {entry.name for entry in model.menu(volume)}
    if (volume, CONFIG) not in model.files:
        return []
    return [f"the config lost: {line}" for name, line in model.kept.get(volume, ())
            if (name is None or name in names) and line not in lines]


def beneath(model, place):
    """What a sector may hold that the image itself does not store."""
    try:
        disk, maybe = model.disk(model.chain_of(*place)[1:])
    except Refuse:
        return lambda lba: ()
    return lambda lba: maybe.get(lba) or {disk.get(lba, 0)}


def settle(model, seen):
    """What a cut left open is closed by what was seen: of files whose own disk was read."""
    for place, image in model.images():
        if not image.maybe or place not in seen.images:
            continue
        found = programs.tags(seen.images[place][2])
        if found is None:
            continue
        left, below = {}, beneath(model, place)
        for lba, options in image.maybe.items():
            if found[lba] == BROKEN and BROKEN in options:
                left[lba] = options
            elif None in options and found[lba] in options and found[lba] in below(lba):
                left[lba] = {None, found[lba]}  # its own, or the parent's: both look the same
            elif found[lba] in options:
                image.own[lba] = found[lba]
            elif None not in options:
                raise Loss(f"{place} lba {lba} holds {found[lba]}, none of {options}")
        image.maybe = left


def leads_to_code(flash):
    """Are the boot code of the MBR and of the first volume's boot record what was built?"""
    start = programs.partitions(flash)[1][0]
    with open(flash, "rb") as file:
        mbr = file.read(440)
        file.seek(start)
        record = file.read(8192)
    built = []
    for name in ("mbr.bin", "vbr.bin"):
        with open(os.path.join(programs.BUILD, name), "rb") as file:
            built.append(file.read())
    return mbr.startswith(built[0]) and record[84:len(built[1])] == built[1][84:]


def is_ours(flash, seen):
    """Is all of the boot code of the first volume what was built?"""
    return seen.files.get((1, CODE), (0, 0))[1] == our_code() and leads_to_code(flash)


def check_agrees(flash, model, volume, entry, seen):
    """`mkimage check` says of the entry what the machine does; its JSON."""
    fields = next(f for f in seen.entries[volume] if f[0] == entry.name)
    status, said = programs.check(flash, volume, entry.name)
    boots = said["boots"]
    if status != (0 if boots else 1):
        raise Loss(f"check says boots: {boots}, and ends with {status}")
    starts = fields[3] == "1"
    code = seen.files.get((1, CODE), (0, 0))[1] == our_code()
    if volume == 1 and boots != (starts and is_ours(flash, seen)) and not (boots and starts and code):
        raise Loss(f"check {entry.name}: boots: {boots} ({said['error']}), the machine: {starts} ({fields[5]}), "
                   f"our code: {code}")
    steps = " ".join(s["text"] for s in said["steps"] if s["name"] == "map")
    if starts and ("write-protected" in steps) != (fields[4] == "1"):
        raise Loss(f"check {entry.name}: write-protected: {steps}; the machine: {fields[4]}")
    return said
