"""Fixtures for tests of what a device captures; matchers are in uhep_tools.matching.

In conftest.py: `pytest_plugins = ["uhep_tools.pytest_plugin"]`; or `-p uhep_tools.pytest_plugin`.

    def test_call(hep_server, hep_device):
        hep_device("bob", sip_port=5062, rtp_port=4002)
        alice = hep_device("alice", call="sip:bob@127.0.0.1:5062", talk_ms=500, quit_after_calls=1)
        call = hep_server.wait_call(state="ended")
        call.in_order(message("INVITE"), message(180), message(200), message("ACK"))
        assert call.count(message("INVITE", agent="alice")) == 1
        hep_server.expect("call.yaml", device="127.0.0.1:5060")

Nothing here is imported before a fixture is used.
"""

import time
from collections import Counter

import pytest

_PATIENCE_S = 30.0
_POLL_S = 0.02
_PHONE = {"sip_port": 2, "rtp_port": 2}  # key of device.json: how many ports from there on
_PORTS = {
    "ata": {"sip_port": 2, "rtp_port": 8},
    "probe": {"sip_port": 2, "server_port": 2},
    "sniffer": {},
}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "hep_server(key=..., port=...): what hep_server asks for, where it listens"
    )


class CapturedCall:
    """A call that was captured; attributes as of uhep_tools.calls.Call, and `messages`."""

    def __init__(self, call, messages):
        self._call = call
        self.messages = messages

    def __getattr__(self, name: str):
        return getattr(self._call, name)

    def __repr__(self) -> str:
        return f"<call {self.call}: {self.state}, {len(self.messages)} messages>"

    def in_order(self, *expected) -> None:
        """Fail unless messages like these are there in this order, others between."""
        from uhep_tools.matching import in_order

        __tracebackhide__ = True
        if wrong := in_order(self.messages, *expected):
            pytest.fail(wrong)

    def count(self, matcher) -> int:
        """How many messages are as the matcher says."""
        return sum(matcher == entry for entry in self.messages)

    @property
    def quality(self):
        """The worst that its reports tell: a uhep_tools.matching.Quality."""
        from uhep_tools.matching import quality

        return quality(self.messages)


class HepServer:
    """A capture server on 127.0.0.1 for one test.

    address: what a device's capture_address is to be. store: a uhep_tools.store.Store, its
    database in the test's tmp_path. server: with the counters. capture: what came, for `expect`.
    """

    def __init__(self, server, store, capture):
        self.server, self.store, self.capture = server, store, capture
        self.address = f"{server.host}:{server.port}"

    def calls(self, **only) -> list[CapturedCall]:
        """The calls so far, the oldest first; only: attributes they must have, as state."""
        found = [
            call
            for call in reversed(self.store.calls(limit=-1))
            if all(getattr(call, name) == value for name, value in only.items())
        ]
        return [CapturedCall(call, self.store.messages(call.call)) for call in found]

    def wait_call(self, timeout: float = _PATIENCE_S, **only) -> CapturedCall:
        """The first such call, as soon as there is one; fails after timeout seconds."""
        __tracebackhide__ = True
        end = time.monotonic() + timeout
        while not (found := self.calls(**only)):
            if time.monotonic() > end:
                there = f"{self.calls()}{self._refused()}"
                pytest.fail(f"no call with {only} came in {timeout:g} s; there is: {there}")
            time.sleep(_POLL_S)
        return found[0]

    def wait(self, matcher, count: int = 1, timeout: float = _PATIENCE_S) -> list:
        """All packets that are as the matcher says, once there are count of them."""
        __tracebackhide__ = True
        end = time.monotonic() + timeout
        while len(found := [one for one in list(self.capture.packets) if matcher == one]) < count:
            if time.monotonic() > end:
                from uhep_tools.matching import told

                there = "\n  ".join(map(told, self.capture.packets)) or "nothing"
                there += self._refused()
                pytest.fail(f"{len(found)} of {count} {matcher!r} came; there is\n  {there}")
            time.sleep(_POLL_S)
        return found

    def _refused(self) -> str:
        """A line for each reason why something that came was refused."""
        reasons = Counter(one.sentence for one in list(self.capture.refused))
        return "".join(f"\nrefused ({count}): {why}" for why, count in reasons.items())

    def expect(self, scenario, timeout: float = _PATIENCE_S, settle: float = 0.5, **given) -> None:
        """Fail unless what came is what a YAML file of `uhep expect` says; given: variables."""
        from uhep_tools.expect import check, load, wait

        __tracebackhide__ = True
        loaded = load(scenario, given)
        wait(loaded, self.capture, timeout, settle)
        report = check(loaded, self.capture)
        if not report.ok:
            pytest.fail(str(report))


@pytest.fixture
def hep_server(request, tmp_path):
    """A HepServer; @pytest.mark.hep_server(key="sesame") has it ask for a key."""
    from uhep_tools.expect import Capture
    from uhep_tools.server import Server, in_thread
    from uhep_tools.store import Store

    capture = Capture()

    class Both(Store):
        def add(self, *entry):
            super().add(*entry)
            capture.add(*entry)

        def reject(self, *fault):
            super().reject(*fault)
            capture.reject(*fault)

    marker = request.node.get_closest_marker("hep_server")
    if marker and marker.args:
        pytest.fail(f'hep_server has no use for {marker.args[0]!r}; key="sesame" would be one')
    options = {"port": 0} | (marker.kwargs if marker else {})
    if isinstance(options.get("key"), str):
        options["key"] = options["key"].encode()
    with Both(tmp_path / "hep.db") as store, in_thread(Server(store, **options)) as server:
        yield HepServer(server, store, capture)


@pytest.fixture
def hep_device(hep_server, tmp_path):
    """hep_device(name, hep={...}, heap="96K", **device): an emulated device that is captured.

    device, hep: settings of device.json and hep.json. heap: that of its board. It has free
    ports unless they are given, and ends with the test; what it has said is shown if that fails.
    Returns a uhep_tools.sim.Device, whose wait() gives its counts.
    """
    from uhep_tools.ports import free_block
    from uhep_tools.sim import Device, SimError
    from uhep_tools.text import printable

    devices = []

    def start(name: str, hep: dict | None = None, heap: str | None = None, **device):
        if any(one.name == name and one.running for one in devices):
            raise SimError(f"{name} runs already, in the same folder; another name would be right")
        wanted = _PORTS.get(device.get("personality"), _PHONE)
        ports = {key: free_block(size) for key, size in wanted.items() if key not in device}
        made = Device(
            name,
            tmp_path / name,
            device=ports | device,
            hep={"capture_address": hep_server.address, "capture_name": name} | (hep or {}),
            heap=heap,
        )
        devices.append(made)
        made.sip_port = (ports | device).get("sip_port")
        made.start()
        return made

    yield start
    for device in devices:
        device.kill()
        for line in device.lines:
            print(f"{device.name} | {printable(line)}")
