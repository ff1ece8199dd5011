"""Dial plans: when is a number whole, and what is called for it."""

from micropython import const

NONE = const(0)  # no number begins like this
MORE = const(1)  # it is not whole yet
MAYBE = const(2)  # it is one, and may be the beginning of another
WHOLE = const(3)

_LONGEST = const(32)


class DialPlan:
    """Made of the text of a plan (dialtext.py), and of `numbers`, each of which is one as well.
    ValueError says what is wrong with it."""

    def __init__(self, text, numbers=()):
        from dialtext import ways

        self._ways = ways(text)
        for number in numbers:
            self._ways += ways(number)

    def match(self, digits):
        """(verdict, number to call or None) for what has been dialled so far."""
        if len(digits) > _LONGEST:
            return NONE, None
        number = None
        more = False
        for way in self._ways:
            places = _follow(way, digits)
            if number is None:
                number = places.get(len(way))
            if [at for at in places if at < len(way)]:
                more = True
        if number:
            return (MAYBE if more else WHOLE), number
        return (MORE if more else NONE), None


def _follow(way, digits):
    """{place in a way: the number up to there} for each place that digits can lead to."""
    places = _skip(way, {0: ""})
    for digit in digits:
        then = {}
        for at in sorted(places):
            if at < len(way) and digit in way[at][0]:
                _, again, before, kept = way[at]
                number = places[at] + before + (digit if kept else "")
                then.setdefault(at if again else at + 1, number)
        places = _skip(way, then)
    return places


def _skip(way, places):
    for at in range(len(way)):
        if at in places and way[at][1]:
            places.setdefault(at + 1, places[at])
    return places
