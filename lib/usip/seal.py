"""What a proxy lets its peers remember for it: a text that comes back unchanged or not at all."""

import binascii
import hashlib

from micropython import const

_MARK = const(4)  # octets


class Seal:
    """Makes tokens of texts (hex digits, fit for any parameter), and texts of its own tokens.

    key: octets, to be kept secret. Who does not have it makes no token that opens.
    """

    def __init__(self, key):
        self._key = key

    def close(self, text):
        data = text.encode()
        return binascii.hexlify(data + self._mark(data)).decode()

    def open(self, token):
        """The text of a token; None if it is not one of ours."""
        try:
            data = binascii.unhexlify(token)
            text = data[:-_MARK].decode()
        except ValueError:  # and MicroPython's UnicodeError, which is one
            return None
        return text if data[-_MARK:] == self._mark(data[:-_MARK]) else None

    def digest(self, text, octets):
        """So many octets that stand for `text`, as hex digits."""
        data = hashlib.sha256(self._key + text.encode()).digest()
        return binascii.hexlify(data[:octets]).decode()

    def _mark(self, data):
        return hashlib.sha256(self._key + data + self._key).digest()[:_MARK]
