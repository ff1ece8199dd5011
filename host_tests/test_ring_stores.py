"""No slice store anywhere in lib/uhep: on an ESP32 one moves all that stands behind it."""

import ast

import pytest
from conftest import ROOT

NOT_FOR_BOARDS = {"host.py", "hoststreams.py"}  # CPython's
FILES = sorted(p for p in (ROOT / "lib/uhep").glob("*.py") if p.name not in NOT_FOR_BOARDS)


def slice_stores(source):
    """Line numbers at which something is assigned to a slice."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        for target in targets:
            for part in ast.walk(target):
                if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Slice):
                    found.append(node.lineno)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_none(path):
    assert slice_stores(path.read_text()) == []


def test_the_guard_sees_one():
    assert slice_stores("a = 1\nring[3:9] = b\n") == [2]
    assert slice_stores("x, ring[at:] = 1, b\n") == [1]
    assert slice_stores("ring[3] = b[1:2]\n") == []
