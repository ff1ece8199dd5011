"""What a person can tell a phone to do. Loaded with the first thing that is typed."""

from usip import call


class Commands:
    """`table` is what a Console asks for. What can not be done is a ValueError or a RuntimeError
    that says so."""

    def __init__(self, phone):
        self.phone = phone
        self.line = phone.line
        self.table = {
            "call": ("URI|NUMBER", "call", self._call),
            "dial": ("N", "call speed dial N, from 1", self._speed_dial),
            "answer": ("", "take the call that rings", self._answer),
            "hangup": ("", "end, give up or decline the call", self._hang_up),
            "hold": ("", "put the other end on hold", self._hold),
            "resume": ("", "take it off hold", self._resume),
            "mute": ("", "send silence", self._mute),
            "unmute": ("", "send sound again", self._unmute),
            "dtmf": ("DIGITS", "send digits", self._dtmf),
            "transfer": ("URI|NUMBER", "pass the call on, and leave it", self._transfer),
            "register": ("", "register again", self._register),
            "unregister": ("", "take the registration back", self._unregister),
            "status": ("", "tell how things are", self._status),
            "quit": ("", "hang up and end", self._quit),
        }

    def _call(self, target):
        if not target:
            raise ValueError("call whom? A URI or a number")
        self.line.call(target)

    def _speed_dial(self, text):
        dials = self.phone.settings["speed_dials"]
        if not text.isdigit() or not 1 <= int(text) <= len(dials):
            raise ValueError("there are speed dials from 1 to %d" % len(dials))
        self.line.call(dials[int(text) - 1])

    def _answer(self, _):
        if not self.line.answer():
            raise RuntimeError("nothing rings")

    def _hang_up(self, _):
        if not self.line.ua.calls:
            raise RuntimeError("there is no call")
        self.line.hang_up()

    def _standing(self):
        for each in self.line.ua.calls:
            if each.state == call.TALKING:
                return each
        raise RuntimeError("there is no call")

    def _hold(self, _):
        self._standing().hold()

    def _resume(self, _):
        self._standing().resume()

    def _mute(self, _):
        self.line.stream.muted = True

    def _unmute(self, _):
        self.line.stream.muted = False

    def _dtmf(self, digits):
        self.line.send_digits(digits)

    def _transfer(self, target):
        self._standing().transfer(self.line.uri(target))

    def _registration(self):
        if not self.line.ua.registration:
            raise RuntimeError("device.json has no sip_server")
        return self.line.ua.registration

    def _register(self, _):
        self._registration().start()

    def _unregister(self, _):
        self._registration().stop()

    def _status(self, _):
        from told import told

        return "\n".join(told(self.line))

    def _quit(self, _):
        self.phone.stop()
