"""firmware/updates.py, fetch.py: a device whose network was away for days. Ticks wrap after 12."""

import fetch
import updates
from doubles import Clock, raises


def test_a_download_that_stopped_days_ago():
    for days in (1, 5, 7, 10, 13):
        clock = Clock()
        it = fetch.Fetch("http://192.0.2.9/x", lambda host: None, None, clock)
        assert it.poll() == b""
        clock.pass_ms(days * 86400000)
        assert "nothing came" in raises(fetch.FetchError, it.poll), days


def test_updates_that_were_due_days_ago():
    for days in (1, 5, 7, 10, 13):
        clock = Clock()
        settings = {"update_url": "http://192.0.2.9/x", "update_every_s": 86400}
        settings["update_key"] = "00" * 32
        it = updates.Updates(settings, lambda: "", None, clock)
        begun = []
        it._begin = lambda begun=begun: begun.append(1) or ""
        assert it.poll() == "" and not begun
        for _ in range(days * 24):  # keeper.py asks each second
            clock.pass_ms(3600000)
            assert it.poll(False) == "" and not begun
        assert it.poll() == "" and begun, days
        it._due = it._after(it._every_ms)
        it.poll()
        assert len(begun) == 1
