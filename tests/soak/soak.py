#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Random sequences of all that is done to a flash, each compared with a model after every step (steps.py, model.py).

    soak.py [--seconds N | --sequences N] [--first SEED] [--jobs N]
    soak.py --seed SEED [--steps 0,3,5]

A sequence that fails is made as short as it gets, and told with its seed and the numbers of its steps: the second
form does it again."""
import argparse
import collections
import multiprocessing
import os
import re
import resource
import shutil
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import steps                                                                            # noqa: E402
import world                                                                            # noqa: E402
from programs import Loss                                                               # noqa: E402

SHRINK_SECONDS = 60


def attempt(seed, chosen, keep=None):
    """(what failed or None, log, counts of steps, of how verbs ended) of the sequence's chosen steps."""
    base = "/dev/shm" if os.path.isdir("/dev/shm") and "TMPDIR" not in os.environ else None
    where = tempfile.mkdtemp(prefix="soak-", dir=base)
    soak, failure = None, None
    try:
        soak = world.Soak(where, seed, full=False)
        for number, (step, own) in enumerate(steps.sequence(seed)):
            if chosen is None or number in chosen:
                soak.full = own % 8 == 0
                steps.take(soak, step, own)
        if soak.other:
            soak.turn()
    except Loss as loss:
        failure = str(loss)
    except Exception:                   # of the soak's own; to be mended there
        failure = traceback.format_exc()
    finally:
        if keep:
            shutil.copytree(where, keep, dirs_exist_ok=True)
        shutil.rmtree(where, ignore_errors=True)
    return (failure, soak.log, soak.counts, soak.ends) if soak else (failure, [], {}, {})


def sort_of(failure):
    """Two failures are of one sort where they differ in numbers and names only."""
    return re.sub(r"[0-9]+|'[^']*'|/\S+", "#", failure)[:60]


def shrink(seed, failure):
    """Drops steps, one after the other, as long as it fails in the same way."""
    chosen = list(range(len(steps.sequence(seed))))
    end, changed = time.monotonic() + SHRINK_SECONDS, True
    while changed and time.monotonic() < end:
        changed = False
        for number in reversed(list(chosen)):
            fewer = [n for n in chosen if n != number]
            again = attempt(seed, set(fewer))[0]
            if again and sort_of(again) == sort_of(failure):
                chosen, changed = fewer, True
            if time.monotonic() > end:
                break
    return chosen


def work(seed):
    failure, log, counts, ends = attempt(seed, None)
    if failure:
        chosen = shrink(seed, failure)
        again, shorter, _, _ = attempt(seed, set(chosen))
        if again:
            failure, log = again, shorter
        return seed, failure, log, (counts, ends), chosen
    return seed, None, log, (counts, ends), None


def tell(seed, failure, log, chosen):
    print(f"LOSS: seed {seed}, steps {','.join(map(str, chosen))}")
    for line in log:
        print(f"    {line}")
    print(f"    {failure}\n    again: make soak SEED={seed} SOAK_ARGS='--steps {','.join(map(str, chosen))}'",
          flush=True)


def many(options):
    start, done, losses = time.monotonic(), 0, 0
    counts, ends = collections.Counter(), collections.Counter()

    def jobs():
        seed = options.first
        while (not options.sequences or seed < options.first + options.sequences) and \
                (not options.seconds or time.monotonic() - start < options.seconds):
            yield seed
            seed += 1
    with multiprocessing.Pool(options.jobs) as pool:
        source = jobs()
        pending = collections.deque()
        for _ in range(2 * options.jobs):
            job = next(source, None)
            if job:
                pending.append(pool.apply_async(work, (job,)))
        while pending:                  # ends: jobs() does
            seed, failure, log, some, chosen = pending.popleft().get()
            done += 1
            counts.update(some[0])
            ends.update(some[1])
            if failure:
                losses += 1
                tell(seed, failure, log, chosen)
            job = next(source, None) if losses < options.losses else None
            if job:
                pending.append(pool.apply_async(work, (job,)))
            if done % 500 == 0:
                print(f"{done} sequences, {sum(counts.values())} steps, {time.monotonic() - start:.0f} s", flush=True)
    took = time.monotonic() - start
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(u.ru_utime + u.ru_stime for u in used)
    total = sum(counts.values())
    print(", ".join(f"{kind} {n}" for kind, n in counts.most_common()))
    for verb in sorted({verb for verb, _ in ends}) if options.verbose else ():
        print(f"    {verb}: " + ", ".join(f"{n} {how}" for (v, how), n in ends.most_common() if v == verb))
    print(f"{done} sequences, {total} steps, {losses} losses, {took:.0f} s ({cpu:.0f} of a "
          f"processor's), {total / took:.0f} steps a second")
    return 1 if losses or not done else 0


def one(options):
    chosen = {int(n) for n in options.steps.split(",")} if options.steps else None
    failure, log, _, _ = attempt(options.seed, chosen, options.keep)
    for line in log:
        print(f"    {line}")
    print(failure or "no loss")
    return 1 if failure else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--sequences", type=int, default=0)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--losses", type=int, default=5, help="ends after so many")
    parser.add_argument("--verbose", action="store_true", help="how each verb ended, and how often")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--steps", default="")
    parser.add_argument("--keep", help="a folder that gets the files of --seed")
    options = parser.parse_args()
    if options.seed is None and not options.sequences and not options.seconds:
        options.sequences = 10000
    return one(options) if options.seed is not None else many(options)


if __name__ == "__main__":
    sys.exit(main())
