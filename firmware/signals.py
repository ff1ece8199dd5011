"""The tones that a telephone hears, as countries have them, and how device.json writes them.

A tone is "FREQUENCY" or "FREQUENCY+FREQUENCY" in Hz, and after a blank its cadence: ms of sound,
silence, sound and so on, again and again, as in "480+620 500/500". Loaded once, at the start.
"""

_NAMES = ("dial", "ringback", "busy", "congestion", "waiting", "howler")
_HOWLER = "1400+2060 100/100"

# In this order. ITU-T E.180, of which most countries have a variant.
_SETS = {
    "e180": ("425", "425 1000/4000", "425 500/500", "425 200/200", "425 200/600/200/9000"),
    "us": ("350+440", "440+480 2000/4000", "480+620 500/500", "480+620 240/240", "440 300/9700"),
    "uk": (
        "350+440",
        "400+450 400/200/400/2000",
        "400 380/380",
        "400 400/340/220/520",
        "400 100/2900",
    ),
}


def table(value):
    """{name: ((Hz, ...), (ms, ...))} of a set's name, or of a dict of tones that differ from
    those of the set "e180". ValueError says what is wrong."""
    if isinstance(value, dict):
        own, value = value, value.get("set", "e180")
    else:
        own = {}
    if value not in _SETS:
        raise ValueError("one of %s, or an object" % ", ".join(sorted(_SETS)))
    tones = dict(zip(_NAMES, _SETS[value] + (_HOWLER,)))
    for name in own:
        if name not in tones and name != "set":
            raise ValueError("an object of: set, " + ", ".join(_NAMES))
        tones[name] = own[name]
    return {name: tone(tones[name]) for name in _NAMES}


def tone(text):
    """((Hz, ...), (ms, ...)) of a tone; ((), ()) of "", which is silence."""
    if not isinstance(text, str):
        raise ValueError('a tone as "425 500/500"')
    pitch, _, cadence = text.strip().partition(" ")
    frequencies = _numbers(pitch, "+", 50, 3400) if pitch else ()
    if len(frequencies) > 2:
        raise ValueError("one or two frequencies: %r" % text)
    return frequencies, _numbers(cadence, "/", 20, 60000) if cadence.strip() else ()


def pattern(value):
    """What is wrong with a cadence as a list of ms on, off, on, off ...; None if nothing is."""
    right = isinstance(value, list) and len(value) % 2 == 0
    if right and all([type(ms) is int and 20 <= ms <= 60000 for ms in value]):
        return None
    return "a list of ms on, off and so on, from 20 to 60000, as [1000, 4000]"


def _numbers(text, separator, least, most):
    found = []
    for part in text.split(separator):
        part = part.strip()
        if not part.isdigit() or not least <= int(part) <= most:
            raise ValueError("from %d to %d between each %s: %r" % (least, most, separator, text))
        found.append(int(part))
    return tuple(found)
