"""The phone."""

from keys import _sip

KEYS = dict(_sip.KEYS)
KEYS.update(
    {
        "tone_hz": (400, (50, 3400)),
        "call": ("", None),
        "call_after_ms": (1000, (0, 86400000)),
        "answer_after_ms": (1000, (0, 86400000)),
        "talk_ms": (0, (0, 86400000)),
        "quit_after_calls": (0, (0, 1000000)),
    }
)
