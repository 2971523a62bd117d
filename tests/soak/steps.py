# SPDX-License-Identifier: GPL-2.0-or-later
"""The steps of a soak. Each picks what it does by its own random numbers from the state that there is, so that a
sequence whose steps are dropped one by one still means something. A step changes the flash, makes the models that
may hold afterwards, and has them judged.

KNOWN: defects that are being mended; a step that would only show one of them again is not done, or its answer is
taken. The list is empty when all is well."""
import os
import random

import build
import judge
import programs
from model import Entry, Refuse, folder, normal, split
from programs import BROKEN, Loss, mkimage

KNOWN = {
    "sibling": "rollback --drop gives an entry a parent that another image depends on",
    "merge cut": "a merge that was cut leaves no mark: rollback works, check says nothing",
    "other volumes": "who depends on an image is asked of the same volume's *.vhd and *.avhd only",
    "mirror": "a cut between the writes of $MFTMirr and $MFT: ntfs-3g does not mount",
    "check": "check says boots for a disk without boot code",
    "full": "check does not say write-protected of an image without a block and without room for one",
    "flash over": "flash over a file that exists removes it before the new one is complete",
    "master replaced": "rollback --drop refuses when the parent was replaced",
    "discard": "snapshot of an entry whose changes are not kept",
}

NO_ROOM = ("no room", "No space", "room on the volume")


class Soak:
    """One flash and its model; `known`: the words of KNOWN that are switched on."""

    def __init__(self, where, seed, known, full):
        self.where, self.known, self.full = where, known, full
        self.log, self.counts = [], {}
        self.last_tag = 0
        self.flash, self.model = build.Factory(where, random.Random(seed), self.tag).make()
        self.parts = programs.partitions(self.flash)
        self.files, self.free = {}, {}
        self.backup = None
        self.judge([("flashed", self.model, set())], cut=True)

    def tag(self):
        self.last_tag += 1
        return self.last_tag

    def step(self, kind, seed):
        """One step; what it was is in the log."""
        done = STEPS[kind](self, random.Random(seed))
        if done:
            self.counts[kind] = self.counts.get(kind, 0) + 1

    def say(self, text):
        self.log.append(text)

    # --- Judging

    def judge(self, candidates, cut=False):
        """One of the (label, model, touched) must be what the flash holds now."""
        free, outside = {}, {}
        for volume, place in self.parts.items():
            try:
                files, free[volume] = programs.outside_list(self.flash, place)
            except Loss as error:
                if not (cut and "MFTMirr" in str(error)) or "mirror" not in self.known:
                    raise
                programs.mend_mirror(self.flash, place[0])
                files, free[volume] = programs.outside_list(self.flash, place)
            outside.update({(volume, path): what for path, what in files.items()})
        seen = programs.Seen(self.flash)
        if seen.files != outside:
            odd = {p for p in set(outside) | set(seen.files) if outside.get(p) != seen.files.get(p)}
            raise Loss(f"ntfs-3g and the loader read different files: {sorted(odd)} {seen.odd}")
        wrong = []
        for label, model, touched in candidates:
            found = judge.differences(model, seen, self.files, touched)
            if not found:
                break
            wrong.append(f"not {label}: " + "; ".join(found[:6]))
        else:
            raise Loss("\n        ".join(wrong))
        judge.settle(model, seen)
        self.model, self.files, self.free, self.seen = model, seen.files, free, seen
        self.find_half()
        if cut or self.full:
            for place in self.parts.values():
                programs.ntfs_judges(programs.cut_out(self.flash, place, os.path.join(self.where, "volume")))
        return label

    def find_half(self):
        """A merge is half done as long as its parent holds anything of the child's."""
        for place, (parent, own) in list(self.model.half.items()):
            if place not in self.model.files or parent not in self.model.files:
                del self.model.half[place]
            elif self.model.files[parent].own == own:
                del self.model.half[place]

    def check_entries(self, entries):
        for volume, entry in entries:
            said = judge.check_agrees(self.flash, self.model, volume, entry, self.seen, self.known)
            leaf = self.model.leaf_of(volume, entry)
            if leaf in self.model.half and "merge" not in str(said).lower() and "merge cut" not in self.known:
                raise Loss(f"check says nothing of the merge of {entry.name} that is half done")

    def check_some(self, rng, cut):
        entries = list(self.model.entries())
        self.check_entries(entries if cut else rng.sample(entries, min(1, len(entries))))

    # --- Verbs

    def verb(self, rng, arguments, done, between=(), refuse=None, room=0, touched=()):
        """Runs a verb. done: the model afterwards; between: (label, model, touched) that a cut may leave; refuse: None
        or (reason, must, known); room: bytes that it may need on its volume."""
        volume = int(arguments[arguments.index("--partition") + 1]) if "--partition" in arguments else 1
        if volume in self.model.dirty and arguments[0] not in ("restore",):
            refuse = ("the volume is dirty", True, None)
        if refuse and refuse[1] and refuse[2] in self.known:
            return self.say(f"(not done: {' '.join(arguments)}: {refuse[0]}: {self.known[refuse[2]]})")
        cut = None
        if rng.random() < 0.45:
            cut = (int(1.35 ** rng.uniform(0, 20)) - 1, 0, rng.randrange(1, 1 << 30) if rng.random() < 0.5 else 0)
        if rng.random() < 0.06:
            arguments, cut, done, between, refuse, touched = (*arguments, "--dry-run"), None, self.model, (), \
                refuse and (refuse[0], False, None), ()
        what = " ".join(arguments).replace(self.where + "/", "")
        self.say(what + (f", cut after {cut[0]} writes, lose {cut[2]}" if cut else ""))
        status, _, errors = mkimage(*arguments, cut=cut, flash=self.flash)
        self.log[-1] += {0: "", 1: f": refused: {errors.strip()}", 99: ": cut"}.get(status, f": {status}")
        whole = ("done", done, set(touched))
        if status == 0:
            if refuse and refuse[1]:
                raise Loss(f"{arguments[0]} must refuse: {refuse[0]}")
            self.judge([whole])
        elif status == 1:
            lines = [line for line in errors.splitlines() if line.startswith("mkimage: ")]
            if len([line for line in lines if "warning: " not in line]) != 1:
                raise Loss(f"a refusal is one sentence, not: {errors}")
            if not refuse and not (any(w in errors for w in NO_ROOM) and self.free[volume] < room + (1 << 20)):
                raise Loss(f"{arguments[0]} refuses what it should do: {errors.strip()} "
                           f"({self.free[volume]} bytes are free)")
            self.judge([("as before", self.model, set())])
        elif status == 99 and refuse and refuse[1]:
            raise Loss(f"{arguments[0]} must refuse, and wrote: {refuse[0]}")
        elif status == 99 and cut:
            self.judge([("old", self.model, set(touched)), *between, whole], cut=True)
            self.log[-1] += f", {self.last_label(between, done)}"
        else:
            raise Loss(f"{arguments[0]} ends with {status}: {errors[-500:]}")
        self.check_some(rng, status == 99)
        return True

    def last_label(self, between, done):
        if self.model is done:
            return "as if done"
        return next((label for label, model, _ in between if model is self.model), "as before")

    def options(self, volume, entry):
        return (["--partition", str(volume)] if volume != 1 else []) + ["--entry", entry.name]

    def pick(self, rng, test=lambda volume, entry: True):
        found = [(v, e) for v, e in self.model.entries() if test(v, e)]
        half = [(v, e) for v, e in found if self.model.leaf_of(v, e) in self.model.half]
        if half and rng.random() < 0.6:
            found = half
        return rng.choice(found) if found else None


def disks(model):
    """What each entry reads: (volume, name) -> its disk, or None."""
    out = {}
    for volume, entry in model.entries():
        try:
            places = model.chain(volume, entry)
            out[volume, entry.name] = ({k: v for k, v in model.disk(places)[0].items() if v}, places)
        except Refuse:
            out[volume, entry.name] = None
    return out


def undermined(model):
    """Entries that write to an image under a child that another one starts: (entry, that other one)."""
    out = set()
    for volume, entry in model.entries():
        leaf = model.leaf_of(volume, entry)
        if entry.writes and model.files.get(leaf) is not None:
            out |= {((volume, entry.name), (v, e.name)) for v, e in model.dependents(leaf)[0]}
    return out


def is_plain(model, volume, victim):
    """Is the entry one of this volume's menu, its image and all of its parents here, by names that end as VHDs'?"""
    on, name = victim
    if on != volume:
        return False
    entry = next(e for e in model.menu(on) if e.name == name)
    return all(p[0] == volume and p[1].endswith((".vhd", ".avhd")) for p in model.chain(on, entry))


def harm(before, after, volume, allowed):
    """Why a verb must not do what makes `after` of `before`: (reason, True, known), or None. `allowed` entries may
    change."""
    old, new = disks(before), disks(after)
    for key, was in old.items():
        now = new.get(key)
        if was is None or key in allowed or (now is not None and now[0] == was[0]):
            continue
        known = None if is_plain(before, volume, key) else "other volumes"
        return f"entry {key} would not read what it reads", True, known
    for writer, victim in undermined(after) - undermined(before):
        known = "sibling" if is_plain(before, volume, victim) and writer[0] == volume else "other volumes"
        return f"entry {writer} would write under the child that {victim} starts", True, known
    return None


def resolve(model, volume, entry):
    """(chain, refusal): as verbs need it."""
    try:
        places = model.chain(volume, entry)
    except Refuse as why:
        return None, (f"the image cannot be opened: {why}", True, None)
    if places[0][0] != volume:
        return places, ("lies on another volume", True, None)
    return places, None


def named_too(model, place, but):
    """A verb may refuse where any image names the id as its parent's, though no entry may start it."""
    return ("named as a parent", False, None) if model.dependents(place, but)[1] else None


# --- The verbs' steps

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
        refuse = harm(s.model, after, volume, set())
        if not refuse and not entry.writes:
            refuse = ("an entry that keeps no changes", True, "discard") if "discard" not in s.known else None
        others = [e for v, e in s.model.starters(places[0]) if (v, e.name) != (volume, entry.name) and e.writes]
        if others and not refuse:       # an entry of a child would be damaged if there were one
            refuse = (f"entry {others[0].name} writes to it", True,
                      None if all(v == volume for v, e in s.model.starters(places[0])) else "other volumes")
        if not refuse and places[0] in s.model.half:
            refuse = ("the merge is half done", False, None)
    touched = {key, (volume, judge.CONFIG)}
    return s.verb(rng, arguments, after, [("the menu is written down", first, touched),
                                          ("made, and not in the menu", half, touched)], refuse, room, touched)


def new_name(s, rng, place, arguments):
    """Of a snapshot: given, or what it is said to be by itself."""
    volume, path = place
    if rng.random() < 0.6:
        name = f"s{s.tag()}{rng.choice(('.vhd', '.vhd', '.avhd'))}"
        arguments += ["--name", name]
        return folder(path) + "/" + name
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
        refuse = ("has no parent", True, None)
    refuse = refuse or other_size(s, places)
    if not refuse:
        after.rollback(volume, entry)
        touched = {places[0]}
        allowed = {(v, e.name) for v, e in s.model.starters(places[0])}
        refuse = unfinished(s, places) or harm(s.model, after, volume, allowed) or \
            named_too(s.model, places[0], ())
    return s.verb(rng, arguments, after, (), refuse, 64 << 10, touched)


def other_size(s, places):
    if s.model.files[places[0]].sectors != s.model.files[places[1]].sectors:
        return ("the parent has another size", True, None)
    return None


def unfinished(s, places):
    if places[0] in s.model.half:
        return ("the merge is half done", True, "merge cut")
    if any(p in s.model.half or p in [h[0] for h in s.model.half.values()] for p in places):
        return ("a merge of its parents is half done", False, None)
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
    if refuse and not places and can_drop(s.model, volume, entry):
        return replaced_drop(s, rng, volume, entry, arguments)
    if not refuse and len(places) == 1:
        refuse = ("has no parent", True, None)
    elif not refuse and places[1][0] != volume:
        refuse = ("the parent lies on another volume", True, None)
    refuse = refuse or other_size(s, places)
    if not refuse:
        first.write_menu(volume)
        left.turn_all(volume, places[0], places[1][1])
        after.turn_all(volume, places[0], places[1][1])
        after.remove(places[0])
        allowed = {(v, e.name) for v, e in s.model.starters(places[0]) if v == volume}
        refuse = unfinished(s, places) or harm(s.model, after, volume, allowed) or \
            named_too(s.model, places[0], ()) or named_too(s.model, places[1], places[:1])
    return s.verb(rng, arguments, after, [("the menu is written down", first, touched),
                                          ("the child is left over", left, touched)], refuse, 64 << 10, touched)


def replaced_parent(model, volume, entry):
    """What lies where the parent of an image is said to be, and is another image; None."""
    leaf = model.leaf_of(volume, entry)
    image = model.files.get(leaf)
    if image is None or leaf[0] != volume or image.kind != "differencing" or not image.hints:
        return None
    place = next(model.candidates(*leaf, image, (), volume))
    return place if model.files.get(place) is not None else None


def can_drop(model, volume, entry):
    place = replaced_parent(model, volume, entry)
    if place is None:
        return False
    try:
        return bool(model.chain_of(*place))
    except Refuse:
        return False


def replaced_drop(s, rng, volume, entry, arguments):
    """The parent was replaced: nothing but dropping the child helps, and that needs nothing of the parent."""
    leaf, place = s.model.leaf_of(volume, entry), replaced_parent(s.model, volume, entry)
    after, left = s.model.copy(), s.model.copy()
    first = s.model.copy()
    first.write_menu(volume)
    left.turn_all(volume, leaf, place[1])
    after.turn_all(volume, leaf, place[1])
    after.remove(leaf)
    allowed = {(v, e.name) for v, e in s.model.starters(leaf) if v == volume}
    refuse = harm(s.model, after, volume, allowed) or named_too(s.model, leaf, ()) or \
        named_too(s.model, place, [leaf])
    if not refuse and "master replaced" in s.known:
        refuse = ("the parent was replaced", False, None)
    touched = {(volume, judge.CONFIG)}
    return s.verb(rng, arguments, after, [("the menu is written down", first, touched),
                                          ("the child is left over", left, touched)], refuse, 64 << 10, touched)


def depth(model, volume, entry):
    try:
        return len(model.chain(volume, entry))
    except Refuse:
        return 0


def merge(s, rng):
    picked = s.pick(rng, lambda v, e: depth(s.model, v, e) > 1 or rng.random() < 0.1)
    if not picked:
        return None
    volume, entry = picked
    arguments = ["merge", s.flash, *s.options(volume, entry)]
    places, refuse = resolve(s.model, volume, entry)
    after, left, half, first = (s.model.copy() for _ in range(4))
    touched, room = {(volume, judge.CONFIG)}, 64 << 10
    if not refuse and len(places) == 1:
        refuse = ("has no parent", True, None)
    elif not refuse and places[1][0] != volume:
        refuse = ("the parent lies on another volume", True, None)
    refuse = refuse or other_size(s, places)
    if not refuse:
        touched |= {places[1]}
        room += merge_room(s.model, places)
        half_merge(half, places)
        first.half[places[0]] = half.half[places[0]]
        for model in (left, after, first):
            model.fold(places)
        first.write_menu(volume)
        for model in (left, after):
            model.turn_all(volume, places[0], places[1][1])
        after.remove(places[0])
        left.half.pop(places[0], None)
        allowed = {(v, e.name) for v, e in s.model.starters(places[1])}
        refuse = harm(s.model, after, volume, allowed) or named_too(s.model, places[0], ()) or \
            named_too(s.model, places[1], places[:1])
    return s.verb(rng, arguments, after, [("half done", half, touched), ("the menu is written down", first, touched),
                                          ("the child is left over", left, touched)], refuse, room, touched)


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
        old = parent.own.get(lba, None if parent.kind == "differencing" else 0)
        if old != tag:                  # where a cache was lost, readers may differ here; the child hides it
            parent.maybe[lba] = {old, tag, BROKEN} | parent.maybe.get(lba, set())
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
        refuse = ("not on this volume", True, None)
    elif image.kind == "fixed":
        refuse = ("a fixed image", True, None)
    else:
        room = size + (size // (image.block * 512) + 2) * (image.block * 512 + 8192)
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
    if "flash over" in s.known:
        return None
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


# --- A guest

def boot(s, rng):
    undermining = {writer for writer, _ in undermined(s.model)}
    picked = s.pick(rng, lambda v, e: (v, e.name) not in undermining)
    if not picked:
        return None
    volume, entry = picked
    places, _ = resolve(s.model, volume, entry)
    sectors = s.model.files[places[0]].sectors if places else 4096
    requests = [request(s, rng, sectors) for _ in range(rng.choice((1, 2, 5, 12)))]
    cut = int(1.4 ** rng.uniform(0, 18)) if rng.random() < 0.35 else -1
    ahead, v86 = rng.choice((0, 0, 1, 100)), int(rng.random() < 0.2)
    s.say(f"boot {volume}/{entry.name}, {len(requests)} writes, looks at {ahead} slots, v86 {v86}, cut {cut}: "
          + " ".join(f"{lba}+{count}={tag}" for lba, count, tag in requests))
    status, out, errors = programs.run(programs.BOOT, "start", s.flash, volume, entry.name, 24, ahead, v86, cut,
                                    data="".join(f"w {l} {c} {t}\n" for l, c, t in requests).encode())
    lines = [line.split("\t") for line in out.splitlines()]
    if status or not lines or lines[-1][0] != "written":
        raise Loss(f"the machine: {status} {out[-300:]} {errors[-300:]}")
    try:
        places = s.model.starts(volume, entry)
    except Refuse as why:
        if lines[0][0] != "refused":
            raise Loss(f"the machine starts {entry.name}, although: {why}") from why
        s.judge([("refused", s.model, set())])
        return True
    if lines[0][0] != "started":
        raise Loss(f"the machine does not start {entry.name}: {lines[0][1]}")
    session(s, entry, places, requests, lines, cut)
    s.check_some(rng, False)
    return True


def request(s, rng, sectors):
    count = rng.choice((1, 1, 2, 8, 33, 127))
    lba = rng.choice((rng.randrange(sectors), rng.randrange(8), rng.randrange(sectors) & ~127))
    lba = max(0, min(lba, sectors - count))
    return lba, count, 0 if lba and rng.random() < 0.1 else s.tag()


def session(s, entry, places, requests, lines, cut):
    """What the guest was told, and what is there then and after a cut."""
    protected, records = lines[0][1] == "1", int(lines[0][2])
    writes = int(lines[-1][1])
    end, here = s.model.copy(), s.model.copy()          # without the cut, and with it
    image, kept = end.files[places[0]], here.files[places[0]]
    taken, before = 0, 0
    for (lba, count, tag), fields in zip(requests, [line for line in lines if line[0] == "w"]):
        answer, done, after = fields[1], int(fields[2]), int(fields[3])
        new = set()
        if image.block and image.blocks is not None:
            new = {n // image.block for n in range(lba, lba + count)} - image.blocks
        if protected:
            right = answer == "03" and done == 0
        elif answer == "cc":
            right = image.kind != "fixed" and (image.blocks is None or taken + len(new) > records)
            right |= not entry.writes
        else:
            right = answer == "00"
        if not right:
            raise Loss(f"a write to {lba}+{count} was answered {answer}, {done} done; {records} slots, {taken} taken")
        taken += len({n // image.block for n in range(lba, lba + done)} & new) if new else 0
        apply(image, lba, count, done, tag)
        if cut < 0 or after <= cut:
            apply(kept, lba, count, done, tag)
        elif before < cut:
            apply(kept, lba, count, 0, tag)
            kept.blocks = None
        before = after
    if not entry.writes or protected:
        if writes and not may_scrub(entry, image):
            raise Loss(f"{writes} sectors were written to the drive of a guest that must not")
        here = s.model.copy()
    wrong = judge.disk_difference(end, places, programs.tags(lines[-2][1]))
    if wrong:
        raise Loss(f"the guest's own disk: {wrong} {lines[-2][1][-20:]}")
    if cut >= 0 and cut < writes:
        s.log[-1] += f", cut at {cut} of {writes}"
    touched = {places[0]} if writes else set()
    s.judge([("written", here, touched)], cut=0 <= cut < writes)


def may_scrub(entry, image):
    """Slots of a dynamic image are emptied before a start, whatever the guest does then."""
    return entry.writes and image.kind == "dynamic"


def apply(image, lba, count, done, tag):
    """The first `done` sectors were written; the others may have been."""
    if done:
        for n in range(lba, lba + done):
            image.maybe.pop(n, None)
        image.put(lba, done, tag)
    for n in range(lba + done, lba + count):
        old = image.own.get(n, None if image.kind == "differencing" else 0)
        options = image.maybe.get(n, {old})
        image.maybe[n] = options | {tag}
    if done < count:
        image.blocks = None


# --- What others do to the files

def host(s, data):
    path = os.path.join(s.where, "new")
    with open(path, "wb") as file:
        file.write(data)
    return path


def others(s, volume, model, touched, what, *commands):
    s.say(f"outside, volume {volume}: {what}")
    programs.outside(s.flash, s.parts[volume], *commands)
    s.judge([("done outside", model, set(touched))])
    return True


def roomy(s, volume, size):
    return s.free[volume] > size + (1 << 20)


def put_menu(s, volume, model, what):
    path = os.path.join(s.where, "cfg")
    build.write_menu(path, model.menus[volume])
    return others(s, volume, model, {(volume, judge.CONFIG)}, what, "put", path, judge.CONFIG)


def replace(s, rng):
    """Another image in an old one's place: a new master, perhaps."""
    images = [(p, i) for p, i in s.model.images() if i.kind != "differencing"]
    if not images:
        return None
    place, old = rng.choice(images)
    image = build.new_image(rng, s.tag, sectors=old.sectors if rng.random() < 0.7 else None)
    path = os.path.join(s.where, "new")
    build.write_image(image, path, rng.choice((0, 300 << 10)), rng)
    if not roomy(s, place[0], os.path.getsize(path)):
        return None
    model = s.model.copy()
    model.files[place] = image
    return others(s, place[0], model, {place}, f"another image in the place of {place[1]}", "put", path, place[1])


def copy(s, rng):
    images = s.model.images()
    if not images:
        return None
    place, image = rng.choice(images)
    volume = place[0]
    if not roomy(s, volume, s.files[place][0]) or len(s.model.files) > 16:
        return None
    to = f"{folder(place[1])}/c{s.tag()}{rng.choice(('.vhd', '.vhd', '.img'))}"
    model = s.model.copy()
    model.files[volume, to] = image.copy()
    others(s, volume, model, (), f"copy {place[1]} {to}", "copy", place[1], to)
    if s.model.menus[volume] and len(s.model.menus[volume]) < 6 and rng.random() < 0.6:
        model = s.model.copy()
        mode = rng.choice(("persistent", "persistent", "none", "discard"))
        model.menus[volume].append(Entry(f"n{s.tag()}", to, mode))
        if not undermined(model) - undermined(s.model):
            put_menu(s, volume, model, f"an entry for {to}, {mode}")
    return True


def rename(s, rng):
    images = s.model.images()
    if not images:
        return None
    place, image = rng.choice(images)
    volume = place[0]
    to = f"{folder(place[1])}/r{s.tag()}{rng.choice(('.vhd', '.vhd', '.img', '.avhd'))}"
    model = s.model.copy()
    del model.files[place]
    model.files[volume, to] = image.copy()
    for child, (parent, own) in list(model.half.items()):
        if place in (child, parent):
            del model.half[child]
    others(s, volume, model, (), f"rename {place[1]} {to}", "rename", place[1], to)
    if any(s.model.leaf_of(v, e) == place for v, e in s.model.entries()) and rng.random() < 0.8:
        for v in [v for v, m in s.model.menus.items() if m]:
            model = s.model.copy()
            menu = [e.with_vhd(to if split(e.vhd)[0] is None else e.vhd.split(":")[0] + ":" + to)
                    if model.leaf_of(v, e) == place else e for e in model.menus[v]]
            if menu != model.menus[v]:
                model.menus[v] = menu
                put_menu(s, v, model, f"the menu says {to}")
    return True


def remove(s, rng):
    """A file that nothing needs; once in a while, one that something does."""
    needed = {p for v, e in s.model.entries() if depth(s.model, v, e) for p in s.model.chain(v, e)}
    places = [p for p in s.model.files if p[1] not in ("/vhdboot.bin", judge.CONFIG) and
              (p not in needed or rng.random() < 0.02)]
    if not places:
        return None
    place = rng.choice(places)
    model = s.model.copy()
    model.remove(place)
    return others(s, place[0], model, (), f"remove {place[1]}", "remove", place[1])


def noise(s, rng):
    volume = rng.choice(list(s.parts))
    size = rng.choice((5, 700, 5000, 300 << 10, 2 << 20))
    if not roomy(s, volume, size) or len(s.model.files) > 20:
        return None
    path = host(s, rng.randbytes(size))
    name = rng.choice((f"/x{s.tag()}", f"/x{s.tag()}.txt", "/same"))
    model = s.model.copy()
    model.files[volume, name] = None
    return others(s, volume, model, {(volume, name)}, f"{size} bytes in {name}", "put", path, name)


def scatter(s, rng):
    """Free space in pieces: files, and every second one goes."""
    volume = rng.choice(list(s.parts))
    size = rng.choice((4096, 30000, 70000, 200000))
    count = min(24, (s.free[volume] - (1 << 20)) // (2 * size))
    if count < 2 or len(s.model.files) > 16 or (volume, "/p0") in s.model.files:
        return None
    path = host(s, rng.randbytes(size))
    model = s.model.copy()
    commands = []
    for n in range(2 * count):
        commands += ["put", path, f"/p{n}"]
    for n in range(0, 2 * count, 2):
        commands += ["remove", f"/p{n}"]
    left = rng.choice((0, count))       # else all go, and the free space is what it was
    for n in range(1, 2 * count, 2):
        if left:
            model.files[volume, f"/p{n}"] = None
        else:
            commands += ["remove", f"/p{n}"]
    return others(s, volume, model, (), f"{count} holes of {size} bytes", *commands)


def fill(s, rng):
    """Nearly no room is left."""
    volume = rng.choice(list(s.parts))
    size = s.free[volume] - rng.choice((100, 400, 1100, 2300)) * 1024
    if size < 4096 or (volume, "/full") in s.model.files:
        return None
    model = s.model.copy()
    model.files[volume, "/full"] = None
    try:
        return others(s, volume, model, (), f"{size} bytes in /full", "put", host(s, bytes(size)), "/full")
    except Loss as loss:                # NTFS needed some room for itself
        if "No space left" not in str(loss):
            raise
        return others(s, volume, s.model, (), "no room for them", "remove", "/full")


def mark(s, rng):
    """The volume is marked dirty, or not any more."""
    volume = rng.choice(list(s.parts))
    model = s.model.copy()
    model.dirty ^= {volume}
    return others(s, volume, model, (), f"dirty: {volume in model.dirty}",
                  "dirty" if volume in model.dirty else "clean")


def menu(s, rng):
    """An entry more, one less, or another mode."""
    volume = rng.choice(list(s.parts))
    model = s.model.copy()
    model.write_menu(volume)
    entries = model.menus[volume]
    what = rng.randrange(3)
    if what == 0 and len(entries) < 6:
        place = rng.choice([p for p, _ in s.model.images()] or [(1, "/none.vhd")])
        far = place[0] != volume
        mode = rng.choice(("persistent", "none", "none", "discard"))
        path = ("DATA:" if place[0] == 2 else "VHDBOOT:") + place[1] if far else place[1]
        entries.append(Entry(f"n{s.tag()}", path, mode))
    elif what == 1 and len(entries) > 1:
        entries.remove(rng.choice(entries))
    elif entries:
        n = rng.randrange(len(entries))
        e = entries[n]
        entries[n] = Entry(e.name, e.vhd, *rng.choice((("persistent", False), ("none", False), ("discard", False),
                                                       ("persistent", True))), e.parents)
    if undermined(model) - undermined(s.model):
        return None
    return put_menu(s, volume, model, "the menu: " + ", ".join(f"{e.name}={e.vhd} {e.mode}" for e in entries))


Soak.host = host
STEPS = {f.__name__: f for f in (boot, snapshot, rollback, drop, merge, reserve, install, restore, flash, replace, copy,
                                 rename, remove, noise, scatter, fill, mark, menu)}
WEIGHTS = {"boot": 30, "snapshot": 14, "rollback": 7, "drop": 5, "merge": 11, "reserve": 7, "install": 3,
           "restore": 7, "flash": 2, "replace": 3, "copy": 4, "rename": 3, "remove": 5, "noise": 3, "scatter": 3, "fill": 2, "mark": 1, "menu": 3}


def sequence(seed):
    """(kind, seed) of each step."""
    rng = random.Random(seed)
    kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
    return [(kind, rng.randrange(1 << 40)) for kind in rng.choices(kinds, weights, k=rng.randint(5, 16))]
