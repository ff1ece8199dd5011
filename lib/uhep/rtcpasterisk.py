# Part of uhep, MIT licence.
"""The JSON of HEP type 5 as Asterisk's res_hep_rtcp writes it."""

from uhep.jsontext import words
from uhep.rtcpcheck import SR, following
from uhep.rtcpjson import Members

_NULL_SENDER = words(',"sender_information":null')
_ASTERISK_SENDER = words(',"sender_information":{"ntp_timestamp_sec":"')
_ASTERISK_USEC = words('","ntp_timestamp_usec":"')
_ASTERISK_STAMP = words('","rtp_timestamp":')
_PACKETS = words(',"packets":')
_OCTETS = words(',"octets":')
_BLOCKS = words(',"report_blocks":[')


class Asterisk(Members):
    """As res_hep_rtcp writes it: Unix time and LSR as strings, no sender as null, one block.

    Loss below 0 is a number of 24 bits, as there.
    """

    alone = False

    def report(self, way, b, at, n):
        return self._report(b, at)

    def _report(self, b, at):
        self._left = b[at] & 31
        self._head(b[at + 1], b, at)
        if b[at + 1] == SR:
            self._unix(b, at + 8)
        else:
            self.json.put(_NULL_SENDER)
        self.json.put(_BLOCKS)
        if self._left:
            self._block(b, at + (28 if b[at + 1] == SR else 8))
            self.json.undo()
        self.json.octet(93)
        return following(b, at)

    def more(self, kind, b, at):
        return True

    def _unix(self, b, at):
        json = self.json
        json.put(_ASTERISK_SENDER)
        self._seconds(b, at)
        json.put(_ASTERISK_USEC)
        json.number(_microseconds(b, at + 4))
        json.put(_ASTERISK_STAMP)
        json.u32(b, at + 8)
        json.put(_PACKETS)
        json.u32(b, at + 12)
        json.put(_OCTETS)
        json.u32(b, at + 16)
        json.octet(125)

    def _seconds(self, b, at):
        # From 1900 to 1970: 2208988800 = 0x83AA7E80.
        hi, lo = b[at] << 8 | b[at + 1], b[at + 2] << 8 | b[at + 3]
        lo -= 0x7E80
        if lo < 0:
            lo += 0x10000
            hi -= 1
        self.json.halves((hi - 0x83AA) & 0xFFFF, lo)

    def _lost(self, b, at):
        return b[at] << 16 | b[at + 1] << 8 | b[at + 2]

    def _lsr(self, b, at):
        self.json.octet(34)
        self.json.u32(b, at)
        self.json.octet(34)


def _microseconds(b, at):
    # Of 2^-32 s, by way of 2^-25 s and rounded down on the way, as there.
    n = b[at] << 17 | b[at + 1] << 9 | b[at + 2] << 1 | b[at + 3] >> 7
    n = (n >> 7) * 125 + ((n & 127) * 125 >> 7)
    return (n >> 12) * 125 + ((n & 4095) * 125 >> 12)
