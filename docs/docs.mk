# SPDX-License-Identifier: GPL-2.0-or-later
# The made parts of the documents, and whether they are as they should be. (docs/INT13.md's table is
# tests/int13/int13.mk's.)

.PHONY: packages lint-documents
#? make packages   writes tests/packages.txt into docs/PACKAGES.md
packages:
	@tests/packages.py

lint: lint-documents
lint-documents:
	@tests/packages.py --check
	@grep -qx '## $(VERSION)' CHANGELOG.md || { echo "CHANGELOG.md:1: has no heading \`## $(VERSION)\`" >&2; exit 1; }
