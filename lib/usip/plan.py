"""What is to be done later: a list of times and functions, without a thread or a timer."""


class Plan:
    """`clock` has ticks_ms, ticks_add and ticks_diff. Nothing may be more than 3 days off.

    `on_fault(error)`, if given, hears what is raised by something that is done.
    """

    def __init__(self, clock, on_fault=None):
        self._clock = clock
        self.on_fault = on_fault
        self._entries = []

    def after(self, ms, what):
        """Calls what() in so many ms; an entry for drop()."""
        entry = (self._clock.ticks_add(self._clock.ticks_ms(), ms), what)
        self._entries.append(entry)
        return entry

    def drop(self, entry):
        """Takes an entry back, if it is still there. None is no entry."""
        if entry in self._entries:
            self._entries.remove(entry)

    def poll(self):
        """Does at most one thing that is due. What is not yet costs no memory."""
        if self._entries:
            self._run(self._clock.ticks_ms())

    def _run(self, now):
        at = 0
        while at < len(self._entries):
            if self._clock.ticks_diff(now, self._entries[at][0]) >= 0:
                self._begin(self._entries.pop(at)[1])
                return
            at += 1

    def _begin(self, what):
        try:
            what()
        except Exception as error:
            if not self.on_fault:
                raise
            self.on_fault(error)
