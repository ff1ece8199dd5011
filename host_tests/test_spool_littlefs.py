"""The spool on littlefs, in flash that loses power in the middle of a write, and its wear."""

import json
import os
import struct
import subprocess
import zlib

import pytest
from conftest import ROOT
from littlefs import LittleFS

SCRIPT = ROOT / "host_tests/device/spool_littlefs.py"
BLOCK = 4096


def run(micropython, *args):
    done = subprocess.run(
        [micropython, "-X", "heapsize=4M", str(SCRIPT), *map(str, args)],
        env={**os.environ, "MICROPYPATH": f"{ROOT / 'lib'}:.frozen"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.soak
def test_power_cuts(micropython, cases):
    n = cases(30, 3000)
    told = run(micropython, n)
    assert told["cuts"] == n and told["came"] > 10 * n


@pytest.fixture(scope="module")
def without_cuts(micropython):
    return run(micropython, 0)


def test_wear(without_cuts):
    """What README.md of lib/uhep states."""
    wear = without_cuts["wear"]
    assert wear["octets"] > 1000000
    assert 1.0 < wear["written"] < 1.15 and 1.0 < wear["erased"] < 1.15


@pytest.mark.parametrize("which, says", [("full", "off:ENOSPC"), ("read-only", "off:EROFS")])
def test_flash_that_takes_no_more(without_cuts, which, says):
    """It is switched off and says why; what is in flash and in memory is sent all the same."""
    status, took, sent = without_cuts[which]
    assert status == says and took < 10
    assert len(sent) == len(set(sent)) and set(range(12)) < set(sent)


def test_another_littlefs_reads_it(micropython, tmp_path):
    """The format as blocks.py describes it, read from the image that a power cut left."""
    image = tmp_path / "flash.bin"
    run(micropython, 3, image)
    data = image.read_bytes()
    flash = LittleFS(block_size=BLOCK, block_count=len(data) // BLOCK, mount=False)
    flash.context.buffer = bytearray(data)
    flash.mount()
    names = [name for name in flash.listdir("/") if name.startswith("uhep.spool.")]
    assert len(names) > 1
    records = {}
    empty = 0  # littlefs makes the name first, and what is in the file visible at its close
    for name in names:
        with flash.open("/" + name, "rb") as file:
            block = file.read()
        if not block:
            empty += 1
            continue
        assert len(block) == BLOCK
        magic, crc, seq, end, count = struct.unpack_from(">4sIIHH", block)
        assert magic == b"uhS2" and crc == zlib.crc32(block[8:end])
        at = 16
        records[seq] = []
        while at < end:
            assert block[at : at + 4] == b"\2EP3"  # of class 2
            records[seq].append(int(block[at + 6 : at + 14]))
            at += int.from_bytes(block[at + 4 : at + 6], "big")
        assert at == end and len(records[seq]) == count
    assert empty <= 1
    row = [n for seq in sorted(records) for n in records[seq]]
    assert row == list(range(row[0], row[0] + len(row)))
