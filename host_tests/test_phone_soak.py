"""A call of a minute between two emulated phones, on the heap of a board."""

import pytest
from uhep_tools.demo import run
from uhep_tools.store import Store


@pytest.mark.soak
def test_a_long_call_at_96k(tmp_path, cases):
    """All of it is captured, nothing is asked of the heap for a capture, and sound goes on."""
    ms = cases(4000, 60000)
    with Store(tmp_path / "hep.db") as store:
        outcome = run(store, tmp_path, heap="96K", talk_ms=ms)
    assert outcome.problems == []
    for side in outcome.sides:
        rtp = side.counts["rtp"]
        # 50 packets a second, as sent or left out; what is left out is a matter of this machine.
        assert rtp["sent"] + rtp["skipped"] >= ms * 3 // 4 // 20 - 5  # a quarter of it is on hold
        assert rtp["received"] > 0 and side.counts["bytes_per_packet"] == 0
        print(side.name, "RTP", rtp, "RTCP", side.counts["rtcp"])
