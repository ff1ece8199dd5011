"""What a proxy sends again where one leg is reliable and the other is not (RFC 3261 17).

Between two legs of one kind the ends repeat what was lost. A phone on TCP repeats nothing,
and a server on TCP forgets a transaction as soon as it has answered.
"""

from micropython import const

_T1_MS = const(500)
_T2_MS = const(4000)
_T4_MS = const(5000)
_GIVE_UP_MS = const(32000)

_KEY = const(0)
_DATA = const(1)
_HOP = const(2)
_WAIT = const(3)  # ms to the next time; 0: it is only kept, to answer what comes twice
_NEXT = const(4)
_ENDS = const(5)
_MOST = const(6)  # the longest wait; 0: twice as long each time, for INVITE


class Repeats:
    """A table of at most `most` messages. `clock` has ticks_ms, ticks_add, ticks_diff."""

    def __init__(self, most, clock):
        self._most = most
        self._clock = clock
        self._table = []

    def __len__(self):
        return len(self._table)

    def put(self, key, data, hop, again=True):
        """Send `data` to `hop` again until `drop` or `settle`; if not `again`, just keep it.

        A full table lets go of one that is only kept, else of its oldest.
        """
        self.drop(key)
        if len(self._table) >= self._most:
            kept = [one for one in self._table if not one[_WAIT]]
            self._table.remove((kept or self._table)[0])
        now = self._clock.ticks_ms()
        wait = _T1_MS if again else 0
        most = 0 if key[1] == "INVITE" and data[:4] != b"SIP/" else _T2_MS
        ends = self._clock.ticks_add(now, _GIVE_UP_MS)
        self._table.append([key, data, hop, wait, self._clock.ticks_add(now, wait), ends, most])

    def find(self, key):
        """(data, hop) of an entry, or None."""
        for one in self._table:
            if one[_KEY] == key:
                return one[_DATA], one[_HOP]
        return None

    def drop(self, key):
        for one in self._table:
            if one[_KEY] == key:
                self._table.remove(one)
                return

    def slow(self, key):
        """There was a 1xx: no more often than every T2 (17.1.2.2)."""
        for one in self._table:
            if one[_KEY] == key and one[_WAIT]:
                one[_WAIT] = _T2_MS

    def settle(self, key):
        """It has arrived; it is kept for T4, for what comes twice."""
        for one in self._table:
            if one[_KEY] == key:
                one[_WAIT] = 0
                one[_ENDS] = self._clock.ticks_add(self._clock.ticks_ms(), _T4_MS)

    def poll(self, send):
        """Calls send(data, hop) for what is due."""
        now = self._clock.ticks_ms()
        diff = self._clock.ticks_diff
        for one in list(self._table):
            if diff(now, one[_ENDS]) >= 0:
                self._table.remove(one)
            elif one[_WAIT] and diff(now, one[_NEXT]) >= 0:
                one[_WAIT] *= 2
                if one[_MOST]:
                    one[_WAIT] = min(one[_WAIT], one[_MOST])
                one[_NEXT] = self._clock.ticks_add(now, one[_WAIT])
                send(one[_DATA], one[_HOP])
