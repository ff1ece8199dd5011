"""device/board_boot.py: the firmware's boot.py and main.py in a world of doubles."""

import pytest
from test_device import each_test, run_file


@pytest.mark.parametrize("module, name", list(each_test("board_boot.py")))
def test_boot(micropython, module, name, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.getbasetemp()))
    output, verdicts = run_file(micropython, module)
    assert verdicts.get(name), f"{name} under MicroPython:\n{output}"
