# SPDX-License-Identifier: GPL-2.0-or-later
# The made parts of the documents. (docs/INT13.md's table is tests/int13/int13.mk's.)

.PHONY: packages lint-packages
packages:
	@tests/packages.py

lint: lint-packages
lint-packages:
	@tests/packages.py --check
