# SPDX-License-Identifier: GPL-2.0-or-later
"""What changes from one SYSTEM hive to the next, as hivexregedit exports them, and what tune is to change."""
from tools import run

SYSTEM = "Windows/System32/config/SYSTEM"
BACKUP = SYSTEM + ".vhdboot-backup"
SET = "\\ControlSet001\\"


def export(data, name="h.hive"):
    """{(key, value): text} as hivexregedit exports it; (key, None) for the key itself."""
    with open(name, "wb") as file:
        file.write(data)
    text = run("hivexregedit", "--export", name, "\\").stdout.decode("utf-8", "replace").replace("\\\n  ", "")
    values, key = {}, None
    for line in text.splitlines():
        if line.startswith("["):
            key = line[1:-1]
            values[key, None] = ""
        elif "=" in line:
            value, _, content = line.partition("=")
            values[key, value.strip('"')] = content
    return values


def changes(before, after):
    """{(key, value): new text, or None where it is gone}."""
    one, two = export(before), export(after)
    return {place: two.get(place) for place in {**one, **two} if one.get(place) != two.get(place)}


def number(n):
    return f"dword:{n:08x}"


COMMON = {
    (SET + "Services\\FsDepends\\Parameters", "VirtualDiskExpandOnMount"): number(4),
    (SET + "Control\\Session Manager\\Memory Management", "PagingFiles"): "hex(7):00,00",
    (SET + "Control\\Session Manager\\Memory Management", "ExistingPageFiles"): None,
}
EXPECTED = {
    7601: {**COMMON, (SET + "Control", "BootDriverFlags"): number(0x14),
           (SET + "Control\\PnP", "PollBootPartitionTimeout"): number(30000),
           **{(SET + "Services\\" + name, "Start"): number(0) for name in ("msahci", "pciide", "iaStorV")}},
    9600: {**COMMON,
           ("\\HardwareConfig\\{11111111-2222-3333-4444-555555555555}", "BootDriverFlags"): number(0x14),
           **{(SET + f"Services\\{name}\\StartOverride", value): None
              for name in ("storahci", "pciide", "intelide", "stornvme", "iaStorV") for value in (None, "0")}},
}
