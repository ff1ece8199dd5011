"""The tests in device/ run under both interpreters: here under MicroPython.

Under CPython pytest collects them by itself. A file of device/ uses nothing but asserts,
functions called test_* and doubles from device/doubles.py, so that both can run it.
"""

import ast
import functools
import os
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

DEVICE = Path(__file__).parent / "device"


def each_test(pattern="test_*.py"):
    """(module, test) of each test in the files of device/ that match."""
    for path in sorted(DEVICE.glob(pattern)):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield pytest.param(path.stem, node.name, id=f"{path.stem}::{node.name}")


@functools.cache
def run_file(micropython, module):
    """One run of the whole file, as (its output, {name of test: passed})."""
    path = f"{ROOT / 'lib'}:{ROOT / 'firmware'}:.frozen"
    done = subprocess.run(
        [micropython, "-X", "heapsize=1M", str(DEVICE / "run.py"), module],
        env={**os.environ, "MICROPYPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=400,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    verdicts = {w[1]: w[0] == "PASS" for w in lines if len(w) == 2 and w[0] in ("PASS", "FAIL")}
    return done.stdout, verdicts


@pytest.mark.parametrize("module, name", list(each_test()))
def test_micropython(micropython, module, name):
    output, verdicts = run_file(micropython, module)
    assert verdicts.get(name), f"{name} under MicroPython:\n{output}"
