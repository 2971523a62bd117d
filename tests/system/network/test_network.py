# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that boots a flash image over HTTP, and one over iSCSI; the other ways are tests/network/machines.py,
`make network`."""
import shutil

import pytest

import network
from files import sha256
from tools import mkimage


@pytest.mark.takes(8)
def test_a_flash_over_http(shop):
    config = shop.path("menu.cfg")
    with open(config, "w", encoding="ascii") as file:
        file.write("timeout = 0\n[disk]\nvhd = \\pattern.vhd\nwrite = discard\n")
    flash = shop.flash(shop.pattern_vhd("pattern", 1, rounds=10), options=("--config", config))
    before = sha256(flash)
    server = network.Http(shop.folder)
    try:
        with network.machine(shop.folder, server.uri("flash.img")) as pc:
            pc.wait("guest: first instruction")
            to_first = server.requests()
            pc.guest()
    finally:
        server.close()
    assert {(method, status) for method, status, _ in server.requests()} == {("HEAD", 200), ("GET", 206)}
    # The guest reads on at once: some of that may be in the server's log already.
    assert len(to_first) < 150 and sum(size for _, _, size in to_first) < 1_000_000, to_first
    assert sha256(flash) == before


@pytest.mark.takes(8)
def test_a_flash_over_iscsi_writes_into_its_own_child(shop):
    master = shop.flash(shop.pattern_vhd("scribe", 2, rounds=20))
    shutil.copy(master, shop.path("m.img"))
    mkimage("snapshot", shop.path("m.img"))
    server = network.Iscsi({"m": shop.path("m.img")})
    try:
        with network.machine(shop.folder, server.uri("m")) as pc:
            pc.wait("guest: first instruction")
            commands, received = server.counter.commands, server.counter.received
            pc.guest()
    finally:
        server.close()
    assert 0 < commands < 150 and received < 1_000_000
    base, child = (mkimage("cat", f"{shop.path('m.img')}:/{name}.vhd").stdout for name in ("scribe", "scribe-1"))
    assert base == mkimage("cat", f"{master}:/scribe.vhd").stdout
    mkimage("rollback", shop.path("m.img"))
    assert child != mkimage("cat", f"{shop.path('m.img')}:/scribe-1.vhd").stdout
