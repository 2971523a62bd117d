#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's packages out of the file that `make dist` made, in the folder OUT, which is made anew.
# usage: package/deb.sh DIST VERSION EPOCH OUT
set -eu

dist=$1 version=$2 epoch=$3 out=$4

for program in dpkg-buildpackage dh lintian; do
    command -v "$program" >/dev/null || { echo "deb: $program is missing; \`make deps\` installs it" >&2; exit 1; }
done

rm -rf "$out"
mkdir -p "$out"
tar --extract --directory="$out" --file="$dist"
tree=$out/vhdboot-$version
cp -r "$tree/package/debian" "$tree/debian"
cat >"$tree/debian/changelog" <<END
vhdboot ($version) unstable; urgency=medium

  * What is new stands in CHANGELOG.md.

 -- vhdboot maintainers <maintainers@vhdboot.invalid>  $(LC_ALL=C date -u -R -d "@$epoch")
END

# Nothing of the make that runs this may reach the make inside.
if ! (cd "$tree" && env -u B -u MAKEFLAGS -u MAKELEVEL -u MFLAGS SOURCE_DATE_EPOCH="$epoch" \
      dpkg-buildpackage --build=binary --no-sign >../build.log 2>&1); then
    tail -n 30 "$out/build.log" >&2
    exit 1
fi
lintian --allow-root --fail-on error "$out"/*.changes
for package in "$out"/*.deb; do
    echo "  DEB    $package"
done
