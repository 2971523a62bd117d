# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps that put boot code, or all of a flash, there."""
import os

import build
import programs
from programs import Loss

CODE, MENU = (1, "/vhdboot.bin"), (1, "/vhdboot.cfg")


def install(s, rng):
    arguments = ["install", s.flash]
    if rng.random() < 0.3:              # there was something else
        path = s.host(b"old code" * rng.randrange(8, 20000))
        s.say("another vhdboot.bin")
        programs.outside(s.flash, s.parts[1], "put", path, CODE[1])
        model = s.model.copy()
        model.files[CODE] = None
        s.judge([("put", model, {CODE})])
    if rng.random() < 0.7:
        s.backup = os.path.join(s.where, f"backup{s.tag()}")
        arguments += ["--backup", s.backup]
    return with_code(s, rng, arguments, None)


def with_code(s, rng, arguments, refuse):
    """Nothing changes but that vhdboot.bin is there."""
    after = s.model.copy()
    after.files[CODE] = None
    return s.verb(rng, arguments, after, (), refuse, 200 << 10, {CODE})


def update(s, rng):
    refuse = None
    if CODE not in s.model.files:       # there may be boot code of ours all the same
        refuse = ("vhdboot is not installed", False)
    return with_code(s, rng, ["update", s.flash], refuse)


def uninstall(s, rng):
    """Boot code and files go; the menu is what the images of the root folder make it."""
    after, kept, bare = s.model.copy(), s.model.copy(), s.model.copy()
    for model, gone in ((after, (CODE, MENU)), (kept, (CODE,)), (bare, (MENU,))):
        for place in gone:
            model.files.pop(place, None)
        if MENU in gone:
            model.menus[1] = None
    refuse = None if CODE in s.model.files else ("vhdboot is not installed", False)
    return s.verb(rng, ["uninstall", s.flash], after, [("the menu is there", kept, set()),
                                                       ("the code is there", bare, set())], refuse, 200 << 10)


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
    gone, there = s.model.copy(), s.model.copy()        # the install may have made the file, or removed one
    gone.files.pop(CODE, None)
    there.files[CODE] = None
    return s.verb(rng, ["restore", s.flash, s.backup], s.model.copy(), (), None, 200 << 10, {CODE}, None,
                  [("without code", gone, {CODE}), ("with code", there, {CODE})])
