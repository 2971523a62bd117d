# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps that give images and volumes room, or take it."""


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
    elif not image.grows:
        refuse = ("it gets no new blocks", True)
    else:
        room = size + (size // (image.block * 512) + 2) * (image.block * 512 + 8192)
        room += image.vhdx * (2 << 20)      # sectors of bits, and the note
        if image.block < 128:           # the slots that were there are laid out anew, 4 KiB apart
            room += image.sectors // image.block * 8192
    return s.verb(rng, arguments, s.model.copy(), (), refuse, room, {place})
