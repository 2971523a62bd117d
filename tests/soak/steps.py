# SPDX-License-Identifier: GPL-2.0-or-later
"""The steps of a soak. Each picks what it does by its own random numbers from the state that there is, so that a
sequence whose steps are dropped one by one still means something. A step changes the flash, makes the models that
may hold afterwards, and has them judged."""
import random

import children
import flashes
import guest
import life
import merging
import others
import room
import serving

WEIGHTS = {
    guest.boot: 30, serving.serve: 5,
    children.snapshot: 14, children.rollback: 7, children.drop: 5, merging.merge: 11, room.reserve: 7,
    room.shrink: 3, room.grow: 3, flashes.install: 3, flashes.update: 1, flashes.uninstall: 1, flashes.restore: 7,
    flashes.flash: 2, flashes.clone: 4, flashes.turn: 5, life.add: 6, life.remove: 4, life.replace: 5,
    others.replace: 3, others.copy: 4, others.link: 3, others.rename: 3, others.remove: 5, others.noise: 3,
    others.scatter: 3, others.fill: 2, others.mark: 1, others.hibernate: 2, others.menu: 3,
}


def sequence(seed):
    """(step, its seed) of each step."""
    rng = random.Random(seed)
    steps, weights = list(WEIGHTS), list(WEIGHTS.values())
    return [(step, rng.randrange(1 << 40)) for step in rng.choices(steps, weights, k=rng.randint(5, 16))]


def take(soak, step, seed):
    """One step; what it was is in the log."""
    if step(soak, random.Random(seed)):
        soak.counts[step.__name__] += 1
