"""The state array is known to several files by number: the same numbers in each."""

import re

from conftest import ROOT

LINE = re.compile(r"^(_[A-Z0-9_]+) = const\((\d+)\)", re.MULTILINE)
FILES = ("ring.py", "clock.py", "_native.py", "_plain.py")
NOT_STATE = {
    "_BEGIN",
    "_SLACK",
    "_STEP",
    "_BURST",
    "_WRAP",
    "_STATE",
    "_SLEW",
    "_PERIOD",
    "_HALF",
    "_PLAUSIBLE",
}


def layout(text):
    return {name: int(n) for name, n in LINE.findall(text) if name not in NOT_STATE}


def test_every_file_says_the_same():
    seen = {}
    for file in FILES:
        for name, number in layout((ROOT / "lib/uhep" / file).read_text()).items():
            assert seen.setdefault(name, (number, file))[0] == number, (name, file, seen[name])
    numbers = [number for number, _ in seen.values()]
    assert len(set(numbers)) == len(numbers), seen  # and no two names for one entry
    assert len(seen) >= 18


def test_a_difference_is_seen():
    assert layout("_HEAD = const(3)\n_SLACK = const(256)\n") == {"_HEAD": 3}
