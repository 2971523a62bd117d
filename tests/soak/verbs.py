# SPDX-License-Identifier: GPL-2.0-or-later
"""The steps that are verbs: what each promises, when it must refuse and when it may, and what a cut may leave."""
import os

import build
import judge
import programs
from model import Refuse, folder
from programs import BROKEN, Loss
from promises import depth, harm, named_too, other_size, resolve, started_elsewhere


def snapshot(s, rng):
    picked = s.pick(rng)
    if not picked:
        return None
    volume, entry = picked
    arguments = ["snapshot", s.flash, *s.options(volume, entry)]
    places, refuse = resolve(s.model, volume, entry)
    after, half, first = s.model.copy(), s.model.copy(), s.model.copy()
    room, key = 64 << 10, None
    if not refuse:
        key = (volume, new_name(s, rng, places[0], arguments))
        after.snapshot(volume, entry, key[1])
        first.write_menu(volume)
        half.write_menu(volume)
        half.files[key] = after.files[key].copy()
        if rng.random() < 0.4:
            size = rng.choice((100 << 10, 2 << 20, 5 << 20))
            arguments += ["--size", str(size)]
            room += (size // (2 << 20) + 2) * (2100 << 10)
        refuse = harm(s.model, after, set())
        if not refuse and not entry.writes:     # of one that is write-protected it makes no difference
            refuse = ("an entry that keeps no changes", entry.write != "none")
        others = [e for v, e in s.model.starters(places[0]) if (v, e.name) != (volume, entry.name) and e.writes]
        if others and not refuse:       # an entry of a child would be damaged if there were one
            refuse = (f"entry {others[0].name} writes to it", True)
        if not refuse and places[0] in s.model.half:
            refuse = ("the merge is half done", False)
    touched = {key, (volume, judge.CONFIG)}
    if not refuse and (s.model.files[places[0]].merging or s.model.files[places[0]].marked):
        after.files[places[0]].merging, after.files[places[0]].marked = None, False     # the child is gone
        touched |= {places[0]}
    return s.verb(rng, arguments, after, [("the menu is written down", first, touched),
                                          ("made, and not in the menu", half, touched)], refuse, room, touched)


def new_name(s, rng, place, arguments):
    """Of a snapshot: given, or what it is said to be by itself."""
    volume, path = place
    if rng.random() < 0.6:
        name = f"s{s.tag()}{rng.choice(('.vhd', '.vhd', '.avhd'))}"
        where = folder(path)
        if rng.random() < 0.25 and any(p.startswith("/vhd/") for v, p in s.model.files if v == volume):
            where = rng.choice(("", "/vhd"))
            arguments += ["--name", where.replace("/", "\\") + "\\" + name]
        else:
            arguments += ["--name", name]
        return where + "/" + name
    stem, dot, suffix = path.rpartition(".")
    base, dash, number = stem.rpartition("-")
    count = 0
    if dash and number.isdigit() and len(number) < 5 and base and not base.endswith("/"):
        stem, count = base, int(number)
    while True:                         # ends: a number that no file has
        count += 1
        if (volume, f"{stem}-{count}{dot}{suffix}") not in s.model.files:
            return f"{stem}-{count}{dot}{suffix}"


def rollback(s, rng):
    picked = s.pick(rng, lambda v, e: depth(s.model, v, e) != 1 or rng.random() < 0.1)
    if not picked:
        return None
    volume, entry = picked
    arguments = ["rollback", s.flash, *s.options(volume, entry)]
    places, refuse = resolve(s.model, volume, entry)
    after = s.model.copy()
    touched = {}
    if not refuse and len(places) == 1:
        refuse = ("has no parent", True)
    refuse = refuse or other_size(s.model, places)
    if not refuse:
        after.rollback(volume, entry)
        touched = {places[0]}
        allowed = {(v, e.name) for v, e in s.model.starters(places[0])}
        refuse = unfinished(s, places) or harm(s.model, after, allowed) or \
            named_too(s.model, places[0], ())
    return s.verb(rng, arguments, after, (), refuse, 64 << 10, touched)


def unfinished(s, places):
    if places[0] in s.model.half:
        return ("the merge is half done", True)
    if any(p in s.model.half or p in [h[0] for h in s.model.half.values()] for p in places):
        return ("a merge of its parents is half done", False)
    return None


def drop(s, rng):
    picked = s.pick(rng, lambda v, e: depth(s.model, v, e) != 1 or rng.random() < 0.1)
    if not picked:
        return None
    volume, entry = picked
    arguments = ["rollback", s.flash, "--drop", *s.options(volume, entry)]
    places, refuse = resolve(s.model, volume, entry)
    after, left, first = (s.model.copy() for _ in range(3))
    touched = {(volume, judge.CONFIG)}
    below = None if places else below_broken(s.model, volume, entry)
    if below:
        return broken_drop(s, rng, volume, entry, below, arguments)
    if not refuse and len(places) == 1:
        refuse = ("has no parent", True)
    elif not refuse and places[1][0] != volume:
        refuse = ("the parent lies on another volume", True)
    refuse = refuse or other_size(s.model, places)
    if not refuse:
        first.write_menu(volume)
        left.turn_all(volume, places[0], places[1][1])
        after.turn_all(volume, places[0], places[1][1])
        after.remove(places[0])
        allowed = {(v, e.name) for v, e in s.model.starters(places[0]) if v == volume}
        refuse = unfinished(s, places) or harm(s.model, after, allowed) or \
            named_too(s.model, places[0], ()) or named_too(s.model, places[1], places[:1]) or \
            started_elsewhere(s.model, volume, places[0])
    return s.verb(rng, arguments, after, [("the menu is written down", first, touched),
                                          ("the child is left over", left, touched)], refuse, 64 << 10, touched)


def below_broken(model, volume, entry):
    """What an entry's leaf can be dropped for, where its chain is broken: its parent, or what lies in that one's
    place; None."""
    leaf = model.leaf_of(volume, entry)
    image = model.files.get(leaf)
    if image is None or leaf[0] != volume or image.kind != "differencing":
        return None
    found = [place for place in model.candidates(*leaf, image, entry.parents, volume)
             if model.files.get(place) is not None and place != leaf]
    for place in found:
        if model.files[place].ident == image.parent:
            return place
    return next((place for place in found if opens(model, place, entry, volume)), None)


def opens(model, place, entry, volume):
    try:
        return bool(model.chain_of(*place, entry.parents, volume))
    except Refuse:
        return False


def broken_drop(s, rng, volume, entry, place, arguments):
    """Nothing but dropping the child helps, and that needs nothing of the parent."""
    leaf = s.model.leaf_of(volume, entry)
    after, left = s.model.copy(), s.model.copy()
    first = s.model.copy()
    first.write_menu(volume)
    left.turn_all(volume, leaf, place[1])
    after.turn_all(volume, leaf, place[1])
    after.remove(leaf)
    allowed = {(v, e.name) for v, e in s.model.starters(leaf) if v == volume}
    refuse = harm(s.model, after, allowed) or named_too(s.model, leaf, ()) or named_too(s.model, place, [leaf])
    if place[0] != volume:
        refuse = ("the parent lies on another volume", True)
    elif s.model.files[place].ident == s.model.files[leaf].parent and not refuse:
        refuse = other_size(s.model, (leaf, place))
    if not refuse and len(allowed) < len(s.model.starters(leaf)):
        refuse = ("an entry of another volume starts it", False)
    touched = {(volume, judge.CONFIG)}
    return s.verb(rng, arguments, after, [("the menu is written down", first, touched),
                                          ("the child is left over", left, touched)], refuse, 64 << 10, touched)


def merge(s, rng):
    picked = s.pick(rng, lambda v, e: depth(s.model, v, e) > 1 or rng.random() < 0.1)
    if not picked:
        return None
    volume, entry = picked
    arguments = ["merge", s.flash, *s.options(volume, entry)]
    places, refuse = resolve(s.model, volume, entry)
    after, left, half, first, begun = (s.model.copy() for _ in range(5))
    other = finished(s, places)
    if not refuse and len(places) == 1 and other:
        return s.verb(rng, arguments, other[0][1], (), ("there is no parent", False), 64 << 10, other[0][2])
    touched, room = {(volume, judge.CONFIG)}, 64 << 10
    if not refuse and len(places) == 1:
        refuse = ("has no parent", True)
    elif not refuse and places[1][0] != volume:
        refuse = ("the parent lies on another volume", True)
    refuse = refuse or other_size(s.model, places)
    if not refuse:
        touched |= {places[1]}
        room += merge_room(s.model, places)
        half_merge(half, places)
        first.half[places[0]] = half.half[places[0]]
        for model in (begun, half, first, left):
            model.files[places[1]].merging = model.files[places[0]].ident
        after.files[places[1]].merging, after.files[places[1]].marked = None, True
        for model in (left, after, first):
            model.fold(places)
        first.write_menu(volume)
        for model in (left, after):
            model.turn_all(volume, places[0], places[1][1])
        after.remove(places[0])
        left.half.pop(places[0], None)
        allowed = {(v, e.name) for v, e in s.model.starters(places[1])}
        refuse = harm(s.model, after, allowed) or named_too(s.model, places[0], ()) or \
            named_too(s.model, places[1], places[:1]) or started_elsewhere(s.model, volume, places[0])
    return s.verb(rng, arguments, after, [("half done", half, touched), ("the menu is written down", first, touched),
                                          ("the child is left over", left, touched)], refuse, room, touched, begun,
                  other)


def finished(s, places):
    """A merge into the leaf was cut at its end; its child is left over, was removed by somebody, or is gone and only
    the mark is there: merge may put an end to that instead."""
    leaf = places and s.model.files[places[0]]
    if not leaf or not (leaf.merging or leaf.marked):
        return []
    found = [place for place, image in s.model.images() if leaf.merging and image.ident == leaf.merging and
             place[0] == places[0][0] and not s.model.starters(place)]
    model = s.model.copy()
    model.files[places[0]].merging, model.files[places[0]].marked = None, False
    for place in found[:1]:
        model.remove(place)
    return [("the cut merge is finished", model, {places[0]})]


def merge_room(model, places):
    parent, child = model.files[places[1]], model.files[places[0]]
    if not parent.block:
        return 0
    blocks = {lba // parent.block for lba in child.own} - (parent.blocks or set())
    return len(blocks) * (parent.block * 512 + 12288)


def half_merge(model, places):
    """Any sector that the child stores may be in the parent."""
    child, parent = model.files[places[0]], model.files[places[1]]
    if places[0] not in model.half:
        model.half[places[0]] = (places[1], dict(parent.own))
    for lba, tag in child.own.items():
        old = parent.stored(lba)
        if old != tag:                  # where a cache was lost, readers may differ here; the child hides it
            parent.maybe[lba] = {old, tag, BROKEN} | parent.maybe.get(lba, set())
    for lba, tags in child.maybe.items():
        parent.maybe[lba] = {parent.stored(lba), BROKEN} | tags - {None} | parent.maybe.get(lba, set())
    parent.blocks = None


def reserve(s, rng):
    if rng.random() < 0.5:
        picked = s.pick(rng)
        if not picked:
            return None
        volume, entry = picked
        place = s.model.leaf_of(volume, entry)
        arguments = ["reserve", s.flash, *s.options(volume, entry)]
    else:
        place = rng.choice([p for p, _ in s.model.images()] or [(1, "/none.vhd")])
        volume = place[0]
        arguments = ["reserve", s.flash, "--partition", str(volume), "--file", place[1]]
    size = rng.choice((4096, 100 << 10, 1 << 20, 3 << 20))
    arguments += ["--size", str(size)]
    image = s.model.files.get(place)
    refuse, room = None, 0
    if image is None or place[0] != volume:
        refuse = ("not on this volume", True)
    elif image.kind == "fixed":
        refuse = ("a fixed image", True)
    else:
        room = size + (size // (image.block * 512) + 2) * (image.block * 512 + 8192)
        if image.block < 128:           # the slots that were there are laid out anew, 4 KiB apart
            room += image.sectors // image.block * 8192
    return s.verb(rng, arguments, s.model.copy(), (), refuse, room, {place})


def install(s, rng):
    arguments = ["install", s.flash]
    if rng.random() < 0.3:              # there was something else
        path = s.host(b"old code" * rng.randrange(8, 20000))
        s.say("another vhdboot.bin")
        programs.outside(s.flash, s.parts[1], "put", path, "/vhdboot.bin")
        s.judge([("put", s.model, {(1, "/vhdboot.bin")})])
    if rng.random() < 0.7:
        s.backup = os.path.join(s.where, f"backup{s.tag()}")
        arguments += ["--backup", s.backup]
    return s.verb(rng, arguments, s.model.copy(), (), None, 200 << 10, {(1, "/vhdboot.bin")})


def flash(s, rng):
    """Another flash over the old one. It fails where the file gets too large for a limit: then the old one stays."""
    where = os.path.join(s.where, f"again{s.tag()}")
    os.mkdir(where)
    factory = build.Factory(where, rng, s.tag)
    arguments = factory.prepare()
    limit = rng.choice((None, 100, 2000, 8000, 20000))
    arguments[1] = s.flash
    s.say(f"flash over it, with files of at most {limit} KiB: " + " ".join(arguments[2:]).replace(where, ""))
    shell = f"trap '' XFSZ; ulimit -f {limit}; exec \"$@\"" if limit else "exec \"$@\""
    status, _, errors = programs.run("sh", "-c", shell, "sh", programs.MKIMAGE, *arguments, "--yes")
    if status not in (0, 1) or status == 1 and not limit:
        raise Loss(f"flash ends with {status}: {errors}")
    if not os.path.exists(s.flash):
        raise Loss("flash removed the old file and made no new one")
    s.log[-1] += f": {status}"
    if status == 0:
        s.parts, s.files, s.backup = programs.partitions(s.flash), {}, None
        s.judge([("flashed", factory.model, set())])
    else:
        s.judge([("as before", s.model, set())])
    return True


def restore(s, rng):
    if not s.backup or not os.path.exists(s.backup):
        return None
    gone = s.model.copy()               # the install may have made the file
    gone.files.pop((1, "/vhdboot.bin"), None)
    touched = {(1, "/vhdboot.bin")}
    return s.verb(rng, ["restore", s.flash, s.backup], s.model.copy(), [("without code", gone, touched)], None,
                  200 << 10, touched)
