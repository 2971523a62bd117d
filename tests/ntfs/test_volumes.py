# SPDX-License-Identifier: GPL-2.0-or-later
"""The NTFS reader, as ntfs_probe, on odd and hostile volumes: cases.py on one volume each, and then geometries.
Needs root for FUSE mounts."""
import re
import subprocess

import cases
import pytest
import volumes
from ntfsedit import Volume, can_mount, pattern, split_mft

LIMIT = 20


class Checks:
    """What a case expects. Each method runs the probe once and raises AssertionError."""

    def __init__(self, probe, image):
        self.probe, self.image, self.todo, self.notes, self.seen = probe, image, [], [], ""

    def run(self, verb, path=""):
        done = subprocess.run([self.probe, self.image, verb] + ([path] if path else []),
                              capture_output=True, timeout=LIMIT)
        err = done.stderr.decode(errors="replace")
        assert done.returncode in (0, 1), "%s %s: status %d: %s" % (verb, path, done.returncode, err)
        self.seen += err
        return done.returncode, done.stdout, err

    def later(self, check):
        self.todo.append(check)

    def cat(self, path, data):
        def check():
            status, out, err = self.run("cat", path)
            assert status == 0, "%s refused: %s" % (path, err)
            assert out == data, "%s: %d bytes, wrong from byte %d on" % (
                path, len(out), next((i for i, (a, b) in enumerate(zip(out, data)) if a != b), -1))
        self.later(check)

    def refuse(self, path, words, verb="cat"):
        def check():
            status, _, err = self.run(verb, path)
            assert status == 1, "%s %s was not refused" % (verb, path)
            assert re.search(words, err), "%s %s: not %r but: %s" % (verb, path, words, err)
        self.later(check)

    def mount_refused(self, words):
        self.refuse("", words, verb="info")

    def ends(self, path):
        self.later(lambda: self.run("cat", path))

    def note(self, words):
        self.later(lambda: self.run("info"))
        self.notes.append(words)

    def no_notes(self):
        def check():
            assert "note:" not in self.run("info")[2], "a note on a clean volume: " + self.seen
        self.later(check)

    def state(self, flag, value):
        def check():
            out = self.run("info")[1].decode()
            assert "%s %d\n" % (flag, value) in out, out
        self.later(check)

    def lines(self, path):
        status, out, err = self.run("extents", path)
        assert status == 0, err
        return [line.split() for line in out.decode().splitlines()]

    def stat(self, path):
        return dict(line.split(" ", 1) for line in self.run("stat", path)[1].decode().splitlines())

    def extents(self, path, numbers):
        """The same runs as ntfscluster says."""
        def check():
            done = subprocess.run(["ntfscluster", "-f", "-F", path, self.image],
                                  capture_output=True, text=True)
            per = self.cluster // 512
            theirs, in_data = [], False
            for line in done.stdout.splitlines():
                if re.match(r"\s+0x", line):
                    in_data = "0x80 - non-resident" in line
                m = re.match(r"\s+(-?\d+)\s+(-?\d+)\s+(\d+)$", line)
                if m and in_data and int(m[2]) != -2:
                    lcn, count = int(m[2]), int(m[3])
                    if theirs and theirs[-1][0] + theirs[-1][1] == lcn * per:
                        theirs[-1][1] += count * per
                    else:
                        theirs.append([lcn * per, count * per])
            ours = [[int(a), int(c)] for _, a, c in self.lines(path) if a != "-"]
            size = -(-int(self.stat(path)["size"]) // 512)
            assert theirs, "ntfscluster: " + done.stdout + done.stderr
            theirs[-1][1] -= sum(c for _, c in theirs) - size  # slack of the last cluster
            assert ours == theirs, "%s: %s, ntfscluster says %s" % (path, ours[:5], theirs[:5])
        self.later(check)

    def same_as_ntfscat(self, path):
        def check():
            theirs = subprocess.run(["ntfscat", "-f", self.image, path], capture_output=True,
                                    check=True).stdout
            status, out, err = self.run("cat", path)
            assert status == 0 and out == theirs, path + ": " + err
        self.later(check)

    def sectors(self, path, count):
        def check():
            got = sum(int(line[2]) for line in self.lines(path))
            assert got == count, "%s: %d sectors, not %d" % (path, got, count)
        self.later(check)

    def first_lba(self, path, lba):
        def check():
            assert int(self.lines(path)[0][1]) == lba, self.lines(path)[0]
        self.later(check)

    def holes(self, path):
        def check():
            assert any(line[1] == "-" for line in self.lines(path)), path + " has no hole"
        self.later(check)

    def fragments(self, path, count):
        def check():
            assert int(self.stat(path)["fragments"]) == count, self.stat(path)
        self.later(check)

    def mappable(self, path):
        def check():
            status, _, err = self.run("stat", path)
            assert status == 0, err
        self.later(check)

    def list(self, path, count):
        def check():
            status, out, err = self.run("ls", path)
            assert status == 0 and len(out.splitlines()) == count, "%s: %d names; %s" % (
                path, len(out.splitlines()), err)
        self.later(check)

    def reads(self, path, most):
        def check():
            err = self.run("stat", path)[2]
            reads = int(re.search(r"reads (\d+)", err)[1])
            assert reads <= most, "%s takes %d reads" % (path, reads)
        self.later(check)

    def finish(self):
        for check in self.todo:
            check()
        for words in self.notes:
            assert re.search("note: .*" + words, self.seen), "no note of %r in: %s" % (
                words, self.seen)


def copy(source, target):
    subprocess.run(["cp", "--sparse=always", source, target], check=True)


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """A volume, and the numbers of its files' MFT records."""
    assert can_mount(), "the NTFS volumes need root and /dev/fuse"
    path = tmp_path_factory.mktemp("ntfs") / "base"
    yield path, volumes.make_base(str(path))
    path.unlink()


@pytest.fixture
def image(tmp_path):
    assert can_mount(), "the NTFS volumes need root and /dev/fuse"
    return str(tmp_path / "image")


@pytest.fixture
def judge(build, image):
    """judge(edit, numbers): what the case's editor of the image expects holds."""
    def run(edit, numbers):
        checks = Checks(build / "ntfs" / "ntfs_probe", image)
        v = Volume(image)
        checks.cluster = v.cluster
        edit(v, numbers, checks)
        v.close()
        checks.finish()
    return run


@pytest.mark.parametrize("edit", [pytest.param(edit, id=name) for name, edit in cases.CASES])
def test_ntfs(base, image, judge, edit):
    path, numbers = base
    copy(path, image)
    judge(edit, numbers)


def ordinary(v, n, t):
    """What every geometry must give."""
    t.cat("/a/b/c.vhd", pattern(65536 + 100, 1))
    t.cat("/A/B/C.vhd", pattern(65536 + 100, 1))
    t.cat("/small.txt", b"a few bytes\n")
    t.cat("/small.txt:stream", b"bytes of a named stream")
    t.cat("/hole.bin", (bytes(200000) + pattern(5000, 3)).ljust(400000, b"\0"))
    t.cat("/\u00c4.txt", b"umlaut")
    t.extents("/a/b/c.vhd", n)
    t.reads("/a/b/c.vhd", 25)
    t.no_notes()


def split(v, n, t):
    split_mft(v, 40)
    ordinary(v, n, t)


def beyond_2_tib(v, n, t):
    """Clusters whose sectors have numbers above 2^32."""
    ordinary(v, n, t)
    lcn = (5 << 31) // (v.cluster // 512)
    data = pattern(300000, 77)
    v.write(lcn * v.cluster, data)
    (first, count), = v.all_runs(n["/a/b/c.vhd"])
    clusters = -(-len(data) // v.cluster)
    v.set_runs(n["/a/b/c.vhd"], [(lcn, clusters), (first, count), (lcn + 9, clusters)], len(data))
    t.todo = [c for c in t.todo[2:6]]
    t.cat("/a/b/c.vhd", data)
    t.fragments("/a/b/c.vhd", 1)
    t.first_lba("/a/b/c.vhd", 5 << 31)


GEOMETRIES = [(512, 512), (512, 1024), (512, 2048), (512, 4096), (512, 65536), (512, 131072),
              (512, 2 << 20), (1024, 1024), (1024, 4096), (2048, 2048), (2048, 32768),
              (4096, 4096), (4096, 65536), (4096, 2 << 20)]


def make(image, sector, cluster):
    return volumes.make_small(image, "-s", str(sector), "-c", str(cluster), size=max(16 << 20, cluster * 1024))


@pytest.mark.parametrize("sector, cluster", GEOMETRIES)
def test_ntfs_geometry(image, judge, sector, cluster):
    judge(ordinary, make(image, sector, cluster))


@pytest.mark.parametrize("sector, cluster", [(s, c) for s, c in GEOMETRIES if c <= 4096])
def test_ntfs_geometry_mft_list(image, judge, sector, cluster):
    judge(split, make(image, sector, cluster))


def test_ntfs_beyond_2_tib(image, judge):
    judge(beyond_2_tib, volumes.make_small(image, "-c", "65536", size=6 << 40))
