"""kill -9 of a device that spools: it boots, and what was in flash arrives, whole and once.

A real process of MicroPython with a real file and a real TCP connection. A kill leaves what
the process has handed to the kernel; that the power may go in the middle of a block is shown
by device/test_capture_spool.py and test_spool_littlefs.py.
"""

import json
import os
import random
import socket
import struct
import subprocess
import time
import zlib
from dataclasses import dataclass, field

import pytest
from conftest import ROOT
from uhep_tools.faults import HepError
from uhep_tools.hep import decode
from uhep_tools.stream import StreamReader

SCRIPT = ROOT / "host_tests/device/spooler.py"
LIVE = 90000000  # serial numbers from here on: captured with the collector there
RUN = 100000  # serial numbers for each life before
BLOCK_MOST = 24  # packets of a block: the shortest are some 170 octets
TIMEOUT_S = 30


@dataclass
class Run:
    """What one life of the device told. done: the last serial number known to be in flash."""

    first: int
    done: int = -1
    lost: int = 0


@dataclass
class Device:
    micropython: str
    folder: object
    blocks: int
    runs: list[Run] = field(default_factory=list)

    def __post_init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(TIMEOUT_S)
        self.port = self.server.getsockname()[1]
        self.server.close()  # nobody listens yet
        self.serial = 0

    def start(self, first, *mode):
        config = {
            "capture_address": f"127.0.0.1:{self.port}",
            "transport": "tcp",
            "status_s": 0,
            "queue_bytes": 4096,
            "spool": {"path": str(self.folder / "spool"), "blocks": self.blocks},
            "spool_per_s": 1000,
        }
        path = self.folder / "hep.json"
        path.write_text(json.dumps(config))
        return subprocess.Popen(
            [self.micropython, str(SCRIPT), str(path), str(first), *mode],
            env={**os.environ, "MICROPYPATH": f"{ROOT / 'lib'}:.frozen"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def spool_and_kill(self, rand):
        """A life without a collector, ended at a random moment: at times before it is ready."""
        run = Run(self.serial)
        process = self.start(run.first)
        output = b""
        if rand.random() < 0.25:
            time.sleep(rand.uniform(0, 0.15))
        else:
            for _ in range(1 + rand.randrange(12)):  # "ready", and so many blocks
                output += process.stdout.readline()
            time.sleep(rand.uniform(0, 0.01))
        process.kill()
        output = (output + process.stdout.read()).decode()
        process.wait()
        for line in output.split("\n")[:-1]:  # behind the last end of line: one that was cut
            assert line == "ready" or line.replace(" ", "").isdigit(), output
            if line != "ready":
                run.done, run.lost = map(int, line.split())
        self.runs.append(run)
        self.serial += RUN

    def live(self, mode="live", kill_after=None):
        """A life with a collector: what that got, as packets, and the counters at the end.

        kill_after: kill the device after so many octets; there are no counters then.
        """
        with socket.create_server(("127.0.0.1", self.port)) as server:
            server.settimeout(TIMEOUT_S)
            process = self.start(LIVE, mode)
            data = b""
            try:
                sock, _ = server.accept()
                sock.settimeout(TIMEOUT_S)
                with sock:
                    while got := sock.recv(65536):
                        data += got
                        if kill_after is not None and len(data) >= kill_after:
                            process.kill()
            except ConnectionResetError:
                pass
            finally:
                if kill_after is not None:
                    process.kill()
                output = process.communicate(timeout=TIMEOUT_S)[0].decode()
        reader = StreamReader()
        packets = [decode(frame) for frame in reader.feed(data)]
        if kill_after is not None:
            return packets, None
        assert process.returncode == 0 and not reader.pending, output
        return packets, json.loads(output.splitlines()[-1])

    def known(self):
        """Serial numbers of all that is in flash for certain, oldest first."""
        return [n for run in self.runs for n in range(run.first, run.done + 1)]


def serials(packets):
    found = []
    for packet in packets:
        number = int(packet.payload[:8])
        pad = bytes(i & 255 for i in range(60 + number * 37 % 800))
        assert packet.payload[8:] == pad, packet
        found.append(number)
    stamps = [(p.sec, p.usec) for p in packets if int(p.payload[:8]) < LIVE]
    assert stamps == sorted(stamps)
    return [n for n in found if n < LIVE], [n for n in found if n >= LIVE]


def check(device, got):
    """All blocks known to be complete, in order, once; beyond these one block a run at most."""
    assert got == sorted(set(got))
    known = device.known()
    came = [n for n in got if n in set(known)]
    lost = len(known) - len(came)
    assert came == known[lost:], "not the newest"
    # The block whose room was being taken when the device was killed.
    assert lost <= sum(run.lost for run in device.runs) + BLOCK_MOST * len(device.runs)
    if device.blocks > 60:
        assert lost == 0
    for run in device.runs:
        # A block may be in flash whose line was not printed any more: what follows at once.
        begin = max(run.first, run.done + 1)
        more = [n for n in got if begin <= n < run.first + RUN]
        assert len(more) <= BLOCK_MOST
        assert not more or more == list(range(more[0], more[0] + len(more)))


@pytest.mark.soak
def test_kill_while_spooling(micropython, tmp_path, cases):
    """1,000 kills in the whole run, one to four before a collector is there again."""
    rand = random.Random(1)
    kills = packets = written = 0
    while kills < cases(20, 1000):
        folder = tmp_path / str(kills)
        folder.mkdir()
        device = Device(micropython, folder, rand.choice((3, 200, 200)))
        for _ in range(rand.randint(1, 4)):
            device.spool_and_kill(rand)
            kills += 1
        got, stats = device.live()
        old, live = serials(got)
        check(device, old)
        assert live == [LIVE, LIVE + 1, LIVE + 2]
        assert stats["spool_found"] == stats["spool_sent"] == len(old), stats
        assert stats["spool_status"] == "ok" and stats["spool_bad"] <= len(device.runs)
        assert list(folder.glob("spool*")) == []
        packets += len(old)
        written += any(run.done >= 0 for run in device.runs)
    assert packets > 20 * kills and written > kills / 8  # they were killed while spooling


@pytest.mark.soak
def test_kill_while_sending(micropython, tmp_path, cases):
    """What was not sent comes in the next life, and at most one block of the rest again."""
    rand = random.Random(2)
    overlaps = 0
    for case in range(cases(4, 100)):
        folder = tmp_path / str(case)
        folder.mkdir()
        device = Device(micropython, folder, 200)
        while len(device.known()) < 40:
            device.spool_and_kill(rand)
        known = device.known()
        sizes = sum(200 + n * 37 % 800 for n in known)
        first, _ = device.live(kill_after=rand.randrange(1, sizes))
        before, _ = serials(first)
        got, stats = device.live()
        after, live = serials(got)
        assert live == [LIVE, LIVE + 1, LIVE + 2] and stats["spool_bad"] <= len(device.runs)
        check(device, sorted(set(before + after)))
        assert before == sorted(set(before)) and after == sorted(set(after))
        again = set(before) & set(after)
        assert len(again) <= BLOCK_MOST
        overlaps += bool(again)
    assert overlaps  # some were killed in the middle of a block


def is_whole(path):
    data = path.read_bytes()
    if len(data) < 16:
        return False
    magic, crc, _, end, _ = struct.unpack_from(">4sIIHH", data)
    return magic == b"uhS2" and 16 < end <= len(data) and crc == zlib.crc32(data[8:end])


def spooled(micropython, folder):
    """A device with some blocks in flash, one of their files, and how many a kill has cut."""
    rand = random.Random(3)
    device = Device(micropython, folder, 200)
    while len(device.known()) < 40:
        device.spool_and_kill(rand)
    files = sorted(folder.glob("spool.*"), key=lambda f: int(f.suffix[1:]))
    whole = [f for f in files if is_whole(f)]
    return device, whole[len(whole) // 2], len(files) - len(whole)


def test_a_changed_block_is_not_sent(micropython, tmp_path):
    device, path, cut = spooled(micropython, tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(b"EP3", 20)] ^= 1
    path.write_bytes(data)
    got, stats = device.live()
    old, live = serials(got)
    assert stats["spool_bad"] == 1 + cut and len(live) == 3
    missing = [n for n in device.known() if n not in set(old)]
    assert 1 < len(missing) <= BLOCK_MOST
    assert missing == list(range(missing[0], missing[-1] + 1))


def test_without_its_check_the_proof_fails(micropython, tmp_path):
    device, path, _ = spooled(micropython, tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(b"EP3", 20)] ^= 1
    path.write_bytes(data)
    with pytest.raises(HepError):
        device.live("trusting")


def test_a_missing_file_and_a_folder_in_its_place(micropython, tmp_path):
    device, path, _ = spooled(micropython, tmp_path)
    path.unlink()
    path.mkdir()
    got, stats = device.live()
    old, live = serials(got)
    assert len(live) == 3 and len(old) == stats["spool_sent"] > 10
