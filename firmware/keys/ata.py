"""The ATA."""

from keys import _board, _sip


def _plan(value):
    from dialplan import DialPlan

    try:
        DialPlan(value)
    except ValueError as error:
        return "a dial plan: %s" % error
    except (AttributeError, TypeError):
        return "a dial plan as (9xx|[2-8]xxx|0x.|*xx|x.#)"


def _tones(value):
    import signals

    try:
        signals.table(value)
    except (ValueError, TypeError) as error:
        return str(error)


def _cadence(value):
    import signals

    return signals.pattern(value)


def _internal(value):
    if isinstance(value, list) and len(value) == 2 and all([type(n) is str for n in value]):
        if all([n and all([c in b"0123456789*" for c in n.encode()]) for n in value]):
            return None
    return 'two numbers of 0-9 and *, as ["**1", "**2"]'


KEYS = dict(_sip.KEYS)
KEYS.update(_sip.PLAN)
KEYS.update(
    {
        "answer_after_ms": (0, (0, 86400000)),
        "user2": _board.KEYS["name"],
        "sip_password2": ("", None),
        "sip_auth_user2": ("", None),
        "calls": (2, (1, 2)),
        "internal": (["**1", "**2"], _internal),
        "dial_plan": ("(x.|x.#|*xx)", _plan),
        "dial_ms": (15000, (500, 600000)),
        "digit_long_ms": (10000, (200, 60000)),
        "digit_short_ms": (3000, (50, 60000)),
        "pulse_least_ms": (20, (5, 50)),
        "pulse_most_ms": (110, (60, 200)),
        "pulse_pause_ms": (200, (100, 1000)),
        "flash_least_ms": (120, (60, 500)),
        "flash_most_ms": (900, (150, 2000)),
        "tones": ("e180", _tones),
        "howler_after_ms": (30000, (0, 600000)),
        "ring_ms": ([1000, 4000], _cadence),
        "ring_ms2": ([], _cadence),
    }
)
