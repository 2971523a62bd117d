# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps that put boot code, or all of a flash, there."""
import os

import build
import programs
from programs import Loss


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
