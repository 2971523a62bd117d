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
    echo "deps: fetching Debian's kernel into $cache (not installed)"
    "${0%/*}/fetch_kernel.sh" linux-image-amd64 "$cache/linux-image-amd64.deb"
fi
echo "deps: everything is there"
