"""What a person can do at an ATA's telephones, typed. Loaded with the first thing that is."""


class Commands:
    """`table` is what a Console asks for. What can not be done is a ValueError or a RuntimeError
    that says so. N is 1 or 2, a telephone."""

    def __init__(self, ata):
        self.ata = ata
        self.table = {
            "lift": ("N", "lift the handset: to take the call that rings, or to dial", self._lift),
            "lay": ("N", "lay it down: hang up", self._lay),
            "flash": ("N", "press the hook for a moment: hold, or change calls", self._flash),
            "dial": ("N DIGITS", "dial, or send digits in a call", self._dial),
            "call": ("N URI|NUMBER", "lift, and call past the dial plan", self._call),
            "register": ("N", "register again", self._register),
            "unregister": ("N", "take the registration back", self._unregister),
            "status": ("", "tell how things are", self._status),
            "quit": ("", "hang up and end", self._quit),
        }

    def _telephone(self, text):
        """(the telephone that a text begins with, the rest)."""
        number, _, rest = text.partition(" ")
        for each in self.ata.telephones:
            if number == "%d" % each.number:
                return each, rest.strip()
        raise ValueError("which telephone? 1 or 2 comes first")

    def _lift(self, text):
        self._telephone(text)[0].lift()

    def _lay(self, text):
        self._telephone(text)[0].lay()

    def _flash(self, text):
        self._telephone(text)[0].flash()

    def _dial(self, text):
        telephone, digits = self._telephone(text)
        if not digits or digits.upper().strip("0123456789*#ABCD"):
            raise ValueError("dial what? 0-9 * # A-D")
        if telephone.state not in ("dialling", "talking"):
            raise RuntimeError("%s is %s" % (telephone, telephone.state))
        for digit in digits.upper():
            telephone.digit(digit)

    def _call(self, text):
        telephone, target = self._telephone(text)
        if not target:
            raise ValueError("call whom? A URI or a number")
        telephone.lift()
        telephone.place(target)

    def _registration(self, text):
        registration = self._telephone(text)[0].line.ua.registration
        if not registration:
            raise RuntimeError("device.json has no sip_server")
        return registration

    def _register(self, text):
        self._registration(text).start()

    def _unregister(self, text):
        self._registration(text).stop()

    def _status(self, _):
        return "\n".join(self._told())

    def _told(self):
        from told import told

        for each in self.ata.telephones:
            tone = each.handset.tone
            yield "%s: %s%s" % (each, each.state, ", tone: " + tone if tone else "")
            for text in told(each.line):
                yield "  " + text

    def _quit(self, _):
        self.ata.stop()
