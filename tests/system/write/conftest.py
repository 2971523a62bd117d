# SPDX-License-Identifier: GPL-2.0-or-later
"""After the power cuts (test_powercut.py): how many there were, and what came of them."""
from collections import Counter


def pytest_terminal_summary(terminalreporter):
    total = Counter()
    for report in terminalreporter.stats.get("passed", ()):
        for name, counts in report.user_properties:
            if name == "power cuts":
                total.update(counts)
    if total:
        terminalreporter.section("power cuts")
        terminalreporter.write_line(
            f"a drive that reorders the commands of a request, and no BIOS can forbid it: {total['shuffled']} cuts, "
            f"{total['unsound']} of them unsound")
        terminalreporter.write_line(
            f"{total['cuts'] + total['torn']} cuts ({total['torn']} of them inside a request in any order), "
            f"{total['blocks']} new blocks, {total['oracles']} states read by other programs, "
            f"{total['losses']} losses")
