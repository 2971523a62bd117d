# SPDX-License-Identifier: GPL-2.0-or-later
"""`make network`: many machines from one master, over HTTP and iSCSI (docs/NETWORK.md)."""
import os
import shutil
import subprocess

import pytest

import network
from files import sha256
from flash import mkimage
from tools import MKIMAGE


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
    run_all([network.machine(shop.folder, uri, f"net{n}", limit=300) for n, uri in enumerate(uris)])


def run_all(machines):
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


def test_three_machines_write_each_to_its_own_child_over_iscsi(shop, server):
    flash = master(shop, "scribe", "persistent")
    before = sha256(flash)
    files = {f"m{n}": shop.path(f"m{n}.img") for n in range(3)}
    for path in files.values():
        shutil.copy(flash, path)
        mkimage("snapshot", path)
        assert "\\scribe-1.vhd: differencing VHD" in mkimage("check", path)
    base, empty = content(flash, "/scribe.vhd"), content(files["m0"], "/scribe-1.vhd")
    iscsi = server(network.Iscsi, files)
    all_at_once(shop, [iscsi.uri(name) for name in files])
    for path in files.values():
        assert content(path, "/scribe.vhd") == base and content(path, "/scribe-1.vhd") != empty
        assert "would boot" in mkimage("check", path)
        mkimage("rollback", path)
        assert subprocess.run([MKIMAGE, "read", path], check=True, stdout=subprocess.PIPE).stdout == \
            subprocess.run([MKIMAGE, "read", flash], check=True, stdout=subprocess.PIPE).stdout
    assert sha256(flash) == before


def test_two_machines_share_a_base_that_nobody_may_write_to_over_iscsi(shop, server):
    """The base lies on a disk of its own, which each machine gets as its second one: drive 81h."""
    image = shop.pattern_vhd("scribe", 2, rounds=60)
    base = shop.path("base.img")
    mkimage("flash", base, "--vhd", image, "--label", "BASES")
    before, files = sha256(base), {"base": base}
    os.mkdir(shop.path("own"))
    for n in range(2):
        child = shop.path(f"own/m{n}.vhd")
        mkimage("vhd", "create", child, "--parent", image)
        files[f"m{n}"] = shop.formatted(child, mib=16, to="/own.vhd", name=f"m{n}.img",
                                        config="timeout = 0\n[own]\nvhd = \\own.vhd\nparent = BASES:\\scribe.vhd\n")
        mkimage("reserve", files[f"m{n}"], "--size", "4M", "--drive", base)
        mkimage("vhd", "check", files[f"m{n}"] + ":/own.vhd", "--drive", base)
    empty = content(files["m0"], "/own.vhd")
    iscsi = server(network.Iscsi, files, ("base",))
    assert iscsi.admin("target", "show").count(b"Readonly: Yes") == 1
    run_all([network.machine(shop.folder, iscsi.uri(f"m{n}"), f"net{n}", 300,
                             first=[f"sanhook --drive 0x81 {iscsi.uri('base')}"]) for n in range(2)])
    for n in range(2):
        assert content(files[f"m{n}"], "/own.vhd") != empty
        assert "would boot" in mkimage("check", files[f"m{n}"], "--drive", base)
    assert sha256(base) == before


def content(flash, path):
    return subprocess.run([MKIMAGE, "cat", f"{flash}:{path}"], check=True, stdout=subprocess.PIPE).stdout


def test_dnsmasq_and_undionly_for_three_machines(shop, server):
    """DHCP and TFTP as docs/NETWORK.md says, on a network of their own; iPXE over the card's UNDI."""
    flash = master(shop, "scribe", "discard")
    before = sha256(flash)
    with network.Lan(shop.folder, 3) as lan:
        assert lan.offered() == "undionly.kpxe"
        http = server(network.Http, shop.folder, lan.ADDRESS, lan.ADDRESS)
        lan.script(f"sanboot {http.uri('flash.img')}")
        run_all([lan.machine(n) for n in range(3)])
        with lan.machine(0) as pc:
            pc.wait("using undionly")
            pc.guest()
    assert sha256(flash) == before
    assert {status for _, status, _ in http.requests()} == {200, 206}


def test_how_much_is_asked_for_until_the_first_instruction(shop, server):
    """Prints the figures of docs/NETWORK.md."""
    flash = master(shop, "pattern", "discard")
    http = server(network.Http, shop.folder)
    with network.machine(shop.folder, http.uri("flash.img")) as pc:
        pc.wait("guest: first instruction")
        asked = [size for method, _, size in http.requests() if method == "GET"]
        pc.guest()
    iscsi = server(network.Iscsi, {"m": flash})
    with network.machine(shop.folder, iscsi.uri("m")) as pc:
        pc.wait("guest: first instruction")
        commands, received = iscsi.counter.commands, iscsi.counter.received
        pc.guest()
    print(f"\nHTTP: {len(asked)} requests, {sum(asked)} bytes; iSCSI: {commands} commands, {received} bytes")
    assert len(asked) < 150 and sum(asked) < 1_000_000 and commands < 150 and received < 1_000_000
