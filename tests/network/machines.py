# SPDX-License-Identifier: GPL-2.0-or-later
"""`make network`: many machines from one master, over HTTP and iSCSI (docs/NETWORK.md)."""
import shutil

import pytest

import network
from files import sha256
from flash import mkimage


def master(shop, guest, write, name="flash.img"):
    config = shop.path("menu.cfg")
    with open(config, "w", encoding="ascii") as file:
        file.write(f"timeout = 0\n[disk]\nvhd = \\{guest}.vhd\nwrite = {write}\n")
    return shop.flash(shop.pattern_vhd(guest, 2, rounds=60), options=("--config", config), name=name)


@pytest.fixture
def server(shop):
    """server(kind, ...) starts one, which ends with the test."""
    started = []

    def start(kind, *arguments):
        started.append(kind(*arguments))
        return started[-1]
    yield start
    for one in started:
        one.close()


def all_at_once(shop, uris):
    """Machines that run together; each guest has to be done."""
    machines = [network.machine(shop.folder, uri, f"net{n}", limit=300) for n, uri in enumerate(uris)]
    try:
        for pc in machines:
            pc.guest()
    finally:
        for pc in machines:
            pc.close()


def test_three_machines_write_over_one_master_by_http(shop, server):
    flash = master(shop, "scribe", "discard")
    before = sha256(flash)
    http = server(network.Http, shop.folder)
    all_at_once(shop, [http.uri("flash.img")] * 3)
    assert sha256(flash) == before


def test_a_new_master_is_what_the_next_start_finds(shop, server):
    flash = master(shop, "pattern", "discard")
    http = server(network.Http, shop.folder)
    all_at_once(shop, [http.uri("flash.img")])
    new = master(shop, "scribe", "discard", name="new.img")
    shutil.move(new, flash)
    with network.machine(shop.folder, http.uri("flash.img"), limit=300) as pc:
        pc.wait(r"\\scribe.vhd")
        pc.guest()


def test_three_machines_write_each_to_its_own_over_iscsi(shop, server):
    flash = master(shop, "scribe", "persistent")
    before = sha256(flash)
    files = {f"m{n}": shop.path(f"m{n}.img") for n in range(3)}
    for path in files.values():
        shutil.copy(flash, path)
    iscsi = server(network.Iscsi, files)
    all_at_once(shop, [iscsi.uri(name) for name in files])
    for path in files.values():
        assert sha256(path) != before
        assert "would boot" in mkimage("check", path)
    assert sha256(flash) == before
