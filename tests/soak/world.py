# SPDX-License-Identifier: GPL-2.0-or-later
"""A flash under soak and its model: runs verbs, cut or not, and has what is left judged."""
import collections
import os
import random

import build
import judge
import programs
from model import Refuse
from programs import Loss, mkimage
from promises import depth

BOOT_VERBS = ("install", "update", "uninstall", "restore", "grow")
DRIVE_VERBS = ("add", "remove", "replace", "snapshot", "rollback", "merge", "reserve", "shrink")
NO_ROOM = ("no room", "No space", "room on the volume")


class Soak:
    """One flash and its model; `full`: other programs judge the volumes after every step, not only after cuts."""

    def __init__(self, where, seed, full):
        self.where, self.full = where, full
        self.by_hand = random.Random(seed)
        self.log, self.counts, self.ends = [], collections.Counter(), collections.Counter()
        self.last_tag = 0
        self.flash, self.model = build.Factory(where, random.Random(seed), self.tag).make()
        self.parts = programs.partitions(self.flash)
        self.files, self.free = {}, {}
        self.backup, self.other = None, None    # other: a flash that one is a clone of, or the clone
        self.judge([("flashed", self.model, set())], cut=True)

    def tag(self):
        self.last_tag += 1
        return self.last_tag

    def say(self, text):
        self.log.append(text)

    def turn(self):
        """Goes on with the other flash, which must be as it was left."""
        kept = self.flash, self.model, self.files, self.backup
        self.flash, self.model, self.files, self.backup = self.other
        self.other = kept
        self.judge([("as it was left", self.model, set())], cut=True)

    # --- Judging

    def judge(self, candidates, cut=False):
        """One of the (label, model, touched) must be what the flash holds now. `cut`: the verb that was cut, or
        anything else that is no reason for the volume to be torn."""
        free, outside, lines = {}, {}, {}
        self.parts = programs.partitions(self.flash)
        for volume, place in self.parts.items():
            try:
                files, free[volume], lines[volume] = programs.outside_list(self.flash, place)
            except Loss as error:
                if not cut or "MFTMirr" not in str(error):
                    raise
                programs.mend_mirror(self.flash, volume, place)
                files, free[volume], lines[volume] = programs.outside_list(self.flash, place)
            outside.update({(volume, path): what for path, what in files.items()})
        seen = programs.Seen(self.flash)
        seen.lines = lines
        if seen.files != outside:
            odd = {p for p in set(outside) | set(seen.files) if outside.get(p) != seen.files.get(p)}
            raise Loss(f"ntfs-3g and the loader read different files: {sorted(odd)} {seen.odd}")
        wrong, fitting = [], []
        for label, model, touched in candidates:
            touched = {name for place in touched for name in (place, *self.model.names(place), *model.names(place))}
            found = judge.differences(model, seen, self.files, touched)
            if not found:
                fitting.append((label, model))
            wrong.append(f"not {label}: " + "; ".join(found[:6]))
        if not fitting:
            raise Loss("\n        ".join(wrong))
        # A menu that was written down says what there was without one, until there are more images.
        written = any(seen.files.get((v, judge.CONFIG)) != self.files.get((v, judge.CONFIG)) for v in self.parts)
        label, model = fitting[written and fitting[0][0] == "old" and len(fitting) > 1]
        judge.settle(model, seen)
        self.model, self.files, self.free, self.seen = model, seen.files, free, seen
        self.find_half()
        if cut or self.full:
            for place in self.parts.values():
                self.have_judged(place, cut and cut in BOOT_VERBS)
        return label

    def have_judged(self, place, boot):
        """`boot`: what was cut writes the boot record, and then its copy."""
        volume = os.path.join(self.where, f"volume{place[0]}")
        try:
            programs.ntfs_judges(programs.cut_out(self.flash, place, volume))
        except programs.OtherCopy as why:
            if not boot:
                raise Loss("the boot record's copy is another one") from why
            programs.mend_copy(self.flash, place)
            programs.ntfs_judges(programs.cut_out(self.flash, place, volume))

    def find_half(self):
        """A merge is half done as long as its parent is that image and holds anything of the child's."""
        for place, (parent, own) in list(self.model.half.items()):
            if place not in self.model.files or parent not in self.model.files:
                del self.model.half[place]
            elif self.model.files[parent].own == own or \
                    self.model.files[parent].merging != self.model.files[place].ident:
                del self.model.half[place]

    def check_entries(self, entries):
        for volume, entry in entries:
            said = judge.check_agrees(self.flash, self.model, volume, entry, self.seen)
            leaf = self.model.leaf_of(volume, entry)
            if leaf in self.model.half and depth(self.model, volume, entry) and "merge" not in str(said).lower():
                raise Loss(f"check says nothing of the merge of {entry.name} that is half done")

    def check_some(self, rng, cut):
        entries = list(self.model.entries())
        self.check_entries(entries if cut else rng.sample(entries, min(1, len(entries))))

    # --- Verbs

    def verb(self, rng, arguments, done, between=(), refuse=None, room=0, touched=(), old=None, other=()):
        """Runs a verb. done: the model afterwards; between: (label, model, touched) that a cut may leave; refuse:
        None or (reason, must); room: bytes that it may need on its volume; old: what a cut leaves at the
        least; other: what may have been done instead."""
        volume = int(arguments[arguments.index("--partition") + 1]) if "--partition" in arguments else 1
        if volume in self.model.dirty:  # what an install that was cut left is taken back all the same
            refuse = ("the volume is dirty", arguments[0] != "restore")
        if self.model.asleep(volume):
            refuse = ("Windows sleeps on it", arguments[0] != "restore")
        if self.other and arguments[0] in DRIVE_VERBS and rng.random() < 0.3 and not self.leads_across():
            arguments = [*arguments, "--drive", self.other[0]]
            refuse = refuse or self.may_stand_here()
        cut = None
        if rng.random() < 0.45:
            cut = (int(1.35 ** rng.uniform(0, 20)) - 1, 0, rng.randrange(1, 1 << 30) if rng.random() < 0.5 else 0)
            if arguments[0] == "reserve" and not cut[2]:    # no name changes: a write may be torn as well
                cut = (cut[0], rng.choice((0, 0, 1, 3)), 0)
        if rng.random() < 0.06:
            arguments, cut, done, between, refuse, touched = (*arguments, "--dry-run"), None, self.model, (), \
                refuse and (refuse[0], False), ()
        what = " ".join(arguments).replace(self.where + "/", "")
        self.say(what + (f", cut after {cut[0]} writes and {cut[1]} sectors, lose {cut[2]}" if cut else ""))
        status, _, errors = mkimage(*arguments, cut=cut, flash=self.flash)
        self.log[-1] += {0: "", 1: f": refused: {errors.strip()}", 99: ": cut"}.get(status, f": {status}")
        whole = ("done", done, set(touched))
        self.ends[arguments[0], {0: "done", 1: "refused", 99: "cut"}.get(status, "failed")] += 1
        if status == 0:
            if refuse and refuse[1] and not other:
                raise Loss(f"{arguments[0]} must refuse: {refuse[0]}")
            self.judge([*([] if refuse and refuse[1] else [whole]), *other])
        elif status == 1:
            lines = [line for line in errors.splitlines() if line.startswith("mkimage: ")]
            if len([line for line in lines if "warning: " not in line]) != 1:
                raise Loss(f"a refusal is one sentence, not: {errors}")
            merging = any(image.merging for _, image in self.model.images()) and "merge" in errors
            torn = any(image.torn for _, image in self.model.images()) and "log" in errors
            full = any(w in errors for w in NO_ROOM) and self.free[volume] < room + (1 << 20)
            if not (refuse or merging or torn or full):
                raise Loss(f"{arguments[0]} refuses what it should do: {errors.strip()} "
                           f"({self.free[volume]} bytes are free)")
            self.judge([("as before", self.model, set())])
        elif status == 99 and refuse and refuse[1]:
            raise Loss(f"{arguments[0]} must refuse, and wrote: {refuse[0]}")
        elif status == 99 and cut:
            self.judge([("old", old or self.model, set(touched)), *between, whole, *other],
                       cut=arguments[0])
            self.log[-1] += f", {self.last_label(between, done)}"
        else:
            raise Loss(f"{arguments[0]} ends with {status}: {errors[-500:]}")
        self.check_some(rng, status == 99)
        return True

    def leads_across(self):
        """Does a menu name volumes? Then it leads elsewhere with both flashes in the machine."""
        return any(":" in path for model in (self.model, self.other[1]) for _, e in model.entries()
                   for path in (e.vhd, *e.parents))

    def may_stand_here(self):
        """A refusal that an image of the other flash may bring, as its parent is known by its id alone."""
        for place, _ in self.other[1].images():
            try:
                self.other[1].chain_of(*place)
            except Refuse:
                return "an image of the other drive may have its parent here", False
        return None

    def last_label(self, between, done):
        if self.model is done:
            return "as if done"
        return next((label for label, model, _ in between if model is self.model), "as before")

    def host(self, data):
        """A file of the host."""
        path = os.path.join(self.where, "new")
        with open(path, "wb") as file:
            file.write(data)
        return path

    def options(self, volume, entry):
        return (["--partition", str(volume)] if volume != 1 else []) + ["--entry", entry.name]

    def pick(self, rng, test=lambda volume, entry: True):
        found = [(v, e) for v, e in self.model.entries() if test(v, e)]
        half = [(v, e) for v, e in found if self.model.leaf_of(v, e) in self.model.half]
        if half and rng.random() < 0.6:
            found = half
        return rng.choice(found) if found else None
