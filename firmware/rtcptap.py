"""The capture of RTCP on a line's sockets. Loaded where that is wanted."""

from uhep import RTCP
from uhep.rtcp import Rtcp
from uhep.tap import tap


def captured(line, sock, here):
    """(the Rtcp that captures what goes over `sock`, the tap on it).

    (None, sock), and the line says why, if max_packet is too small for that: a phone is a
    phone without it.
    """
    try:
        rtcp = Rtcp(line.agent)
    except ValueError as error:
        line.say("no capture of RTCP: hep.json: %s" % error)
        return None, sock
    return rtcp, tap(sock, rtcp, here, kind=RTCP)
