#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Are the packages in OUT what they have to be? A second build, in another folder, gives the same bytes; in a new Debian
# they install, run and go without a trace. It fetches that Debian with mmdebstrap, and has to be root.
# usage: package/deb_test.sh DIST VERSION EPOCH OUT
set -eu

dist=$1 version=$2 epoch=$3 out=$4

command -v mmdebstrap >/dev/null || { echo "deb-test: mmdebstrap is missing; \`make deps\` installs it" >&2; exit 1; }

package/deb.sh "$dist" "$version" "$epoch" "$out-second-time" >/dev/null
for package in "$out"/*.deb; do
    cmp "$package" "$out-second-time/${package##*/}"
done
echo "deb-test: two builds are equal"
rm -rf "$out-second-time"

# What runs inside, in the folder /try.
try=$(mktemp -d)
trap 'rm -rf "$try"' EXIT
cp "$out"/*.deb "$try/"
cat >"$try/run" <<'END'
set -eux
cd /try
files()
{
    find /bin /boot /etc /lib* /media /mnt /opt /root /sbin /srv /usr -xdev | sort
}
files >before
apt-get install -y --no-install-recommends ./*.deb
vhdboot --version
vhdboot help | grep -q 'usage: vhdboot'
vhdboot vhd create disk.vhd --size 8M --kind fixed
printf '\353\376' | dd of=disk.vhd conv=notrunc status=none
printf '\125\252' | dd of=disk.vhd bs=1 seek=510 conv=notrunc status=none
vhdboot flash flash.img --vhd disk.vhd
vhdboot check flash.img
vhdboot snapshot flash.img
vhdboot check flash.img --json | grep -q '"boots": true'
test -f /usr/lib/*/nbdkit/plugins/nbdkit-vhdboot-plugin.so
grep -q 'complete -F _vhdboot vhdboot' /usr/share/bash-completion/completions/vhdboot
ls /usr/share/man/man1/vhdboot.1.gz /usr/share/man/man5/vhdboot.cfg.5.gz
for package in *.deb; do
    apt-get purge -y "${package%%_*}"
done
apt-get autoremove --purge -y
files >after
diff before after
END
# $1 is the new Debian's folder: mmdebstrap's word.
# shellcheck disable=SC2016
mmdebstrap --variant=minbase --quiet "--customize-hook=cp -r '$try' \"\$1/try\"" \
    '--customize-hook=chroot "$1" sh /try/run' bookworm /dev/null >"$out/test.log" 2>&1 || {
    tail -n 30 "$out/test.log" >&2
    exit 1
}
echo "deb-test: installed, run and removed in a new Debian"
