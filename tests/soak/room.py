# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps that give images and volumes room, or take it."""
import os

from programs import Loss

MIB = 1 << 20
LONGEST = 150 * MIB                     # of a flash: what the simulated drive has


def pick_image(s, rng, verb):
    """(place or None, volume, arguments): by an entry, or by its path."""
    if rng.random() < 0.5:
        picked = s.pick(rng)
        if not picked:
            return None
        volume, entry = picked
        return s.model.leaf_of(volume, entry), volume, [verb, s.flash, *s.options(volume, entry)]
    place = rng.choice([p for p, _ in s.model.images()] or [(1, "/none.vhd")])
    return place, place[0], [verb, s.flash, "--partition", str(place[0]), "--file", place[1]]


def reserve(s, rng):
    picked = pick_image(s, rng, "reserve")
    if not picked:
        return None
    place, volume, arguments = picked
    size = rng.choice((4096, 100 << 10, 1 << 20, 3 << 20))
    arguments += ["--size", str(size)]
    image = s.model.files.get(place)
    refuse, room = None, 0
    if image is None or place[0] != volume:
        refuse = ("not on this volume", True)
    elif not image.grows:
        refuse = ("it gets no new blocks", True)
    else:
        room = size + (size // (image.block * 512) + 2) * (image.block * 512 + 8192)
        room += image.vhdx * (2 << 20)      # sectors of bits, and the note
        if image.block < 128:           # the slots that were there are laid out anew, 4 KiB apart
            room += image.sectors // image.block * 8192
    return s.verb(rng, arguments, s.model.copy(), (), refuse, room, {place})


def shrink(s, rng):
    """All slack goes, or what is not needed for so much new data."""
    picked = pick_image(s, rng, "shrink")
    if not picked:
        return None
    place, volume, arguments = picked
    if rng.random() < 0.4:
        arguments += ["--size", str(rng.choice((4096, 100 << 10, 1 << 20)))]
    image = s.model.files.get(place)
    refuse = None
    if image is None or place[0] != volume:
        refuse = ("not on this volume", True)
    elif image.vhdx or not image.grows:
        refuse = ("it has no slack that could be given back", True)
    elif s.files[place][0] > MIB:       # by then it may be in many fragments
        refuse = ("it is in many fragments", False)
    return s.verb(rng, arguments, s.model.copy(), (), refuse, 64 << 10, {place})


def grow(s, rng):
    """The flash was copied to a longer drive, perhaps; its last volume becomes as long."""
    volume = rng.choice(list(s.parts))
    more = rng.choice((0, 0, 100 << 10, MIB, 3 * MIB, 9 * MIB))
    size = os.path.getsize(s.flash) + more
    if more and size <= LONGEST:
        s.say(f"the drive has {size} bytes")
        os.truncate(s.flash, size)
        s.judge([("longer", s.model, set())])
    arguments = ["grow", s.flash] + (["--partition", str(volume)] if volume != 1 else [])
    last = max(start + length for start, length in s.parts.values())
    behind = volume != max(s.parts, key=lambda n: s.parts[n][0])
    refuse = None
    if behind and os.path.getsize(s.flash) // MIB * MIB > sum(s.parts[volume]):
        refuse = ("a partition lies behind it", True)
    room = s.free[volume]
    s.verb(rng, arguments, s.model.copy(), (), refuse, 64 << 10)
    if s.log[-1].endswith(arguments[-1]) and not behind and os.path.getsize(s.flash) - last >= 2 * MIB and \
            s.free[volume] <= room:
        raise Loss(f"{s.free[volume]} bytes are free, {room} were")
    return True
