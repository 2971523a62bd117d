#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs what building, demo and tests need, from Debian's packages, and fetches (does not install)
# the Debian kernel that the demo and the boot tests run. A second run changes nothing and needs no
# network. usage: tests/deps.sh CACHE-FOLDER
set -eu

cache=${1:?usage: tests/deps.sh CACHE-FOLDER}

packages=$(sed '/^#/d; s/:.*//' "${0%/*}/packages.txt")

installed()
{
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root()
{
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "deps: run as root, or install sudo: $*" >&2
        exit 1
    fi
}

missing=
for package in $packages; do
    installed "$package" || missing="$missing $package"
done
if [ -n "$missing" ]; then
    echo "deps: installing$missing"
    as_root apt-get update -q
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
fi

# The kernel package that linux-image-amd64 stands for, as a file only: the demo takes vmlinuz and a
# few modules out of it, and this computer's own kernels stay as they are.
if ! ls "$cache"/linux-image-*.deb >/dev/null 2>&1; then
    mkdir -p "$cache"
    kernel()
    {
        LC_ALL=C apt-cache depends linux-image-amd64 |
            sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1
    }
    fetch()
    {
        echo "deps: fetching $1 into $cache (not installed)"
        # shellcheck disable=SC2086 # no word, or one option
        (cd "$cache/partial" && apt-get download -q $sandbox "$1")
    }
    sandbox=                            # root needs no other user to write into this folder
    [ "$(id -u)" != 0 ] || sandbox="-o APT::Sandbox::User=root"
    rm -rf "$cache/partial"
    mkdir "$cache/partial"
    name=$(kernel)
    if [ -z "$name" ] || ! fetch "$name"; then
        as_root apt-get update -q
        name=$(kernel)
        [ -n "$name" ] || { echo "deps: apt knows no linux-image-amd64" >&2; exit 1; }
        fetch "$name"
    fi
    mv "$cache"/partial/*.deb "$cache/"
    rmdir "$cache/partial"
fi
echo "deps: everything is there"
