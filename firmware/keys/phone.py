"""The phone."""

from keys import _sip


def _speed_dials(value):
    if isinstance(value, list) and all([isinstance(uri, str) for uri in value]):
        return None
    return "a list of numbers or SIP URIs"


KEYS = dict(_sip.KEYS)
KEYS.update(_sip.PLAN)
KEYS.update(
    {
        "speed_dials": ([], _speed_dials),
        "dtmf_after_ms": (1000, (0, 86400000)),
        "dtmf_digits": ("", None),
        "hold_after_ms": (0, (0, 86400000)),
        "hold_ms": (1000, (0, 86400000)),
    }
)
