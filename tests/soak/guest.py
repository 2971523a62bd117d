# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's session: what it is told, and what its writes leave, cut or not."""
import judge
import programs
from life import family
from model import Refuse
from programs import Loss
from promises import resolve, undermines_none


def boot(s, rng):
    picked = s.pick(rng, undermines_none(s.model))
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
        leaf = s.model.leaf_of(volume, entry)   # slots are emptied before the disk's boot record is looked at
        image = s.model.files.get(leaf)
        s.judge([("refused", s.model, {leaf} if image and may_scrub(entry, image) else set())])
        return True
    if lines[0][0] == "refused" and s.model.is_apart(places):
        s.judge([("refused, as a merge is under way", s.model, set())])
        return True
    if lines[0][0] == "refused" and s.model.may_be_blank(places):
        touched = {places[0]} if may_scrub(entry, s.model.files[places[0]]) else set()
        s.judge([("refused, as its first sector is as it was", s.model, touched)])
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
    announced, writes = int(lines[0][3]), int(lines[-1][1])
    end, here = s.model.copy(), s.model.copy()          # without the cut, and with it
    for model in (end, here):
        leave_children_open(model, places[0], requests)
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
            right |= not entry.writes or image.bitless
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
    if writes and not entry.force and s.model.asleep(places[0][0]):
        raise Loss(f"{writes} sectors were written to a volume that Windows sleeps on")
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
    found = [("written", here, touched)]
    if announced:
        new = here.copy()
        new.written(places[0])
        found = [("written, with another id", new, touched)] + found * (0 <= cut < announced)
    s.judge(found, cut=0 <= cut < writes)


def leave_children_open(model, place, requests):
    """A child's block that was new where no parent had anything is all the child's. What goes into a parent later, as
    where a verb was cut that was about to drop the child, shows in others of its blocks and not in that."""
    for there in family(model, place):
        try:
            child, (disk, maybe) = model.files[there], model.disk(model.chain_of(*there))
        except Refuse:
            continue                    # it cannot be opened, whatever is in it
        for lba, count, _ in requests:
            for n in set(range(lba, lba + count)) - set(child.own):
                child.maybe[n] = child.maybe.get(n, {None}) | maybe.get(n, {disk.get(n, 0)})


def may_scrub(entry, image):
    """Slots are emptied before a start, of a differencing image the first, whatever the guest does then; a VHDX whose
    blocks are all there may have some, too."""
    return entry.writes and (image.kind != "fixed" or image.vhdx)


def apply(image, lba, count, done, tag):
    """The first `done` sectors were written; the others may have been."""
    if done:
        for n in range(lba, lba + done):
            image.maybe.pop(n, None)
        image.put(lba, done, tag)
    for n in range(lba + done, lba + count):
        options = image.maybe.get(n, {image.stored(n)})
        image.maybe[n] = options | {tag}
    if done < count:
        image.blocks = None
