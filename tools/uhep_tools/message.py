"""One captured packet, as the store keeps it and the views show it."""

from dataclasses import dataclass
from functools import cached_property

from uhep_tools import hep, sip, vqreport
from uhep_tools.chunks import PAYLOAD_TYPES, SIP
from uhep_tools.figures import figures
from uhep_tools.status import LOG, OWN_CID
from uhep_tools.text import endpoint, printable

VQ = "application/vq-rtcpxr"


@dataclass(frozen=True)
class Message:
    """A packet's fields for showing, grouping and searching; all text is `printable`.

    id: the database's number, 0 before it has one. *_us: Unix microseconds; stamp_us is the
    capture time, or the time of receipt if the sender had no time. peer: who sent the packet
    here. call: what it is grouped by, the Call-ID of a SIP message, the correlation id of
    anything else but an agent's own lines. cid: the correlation id where it is another than
    call, for a PUBLISH without one the Call-ID that its report is about. method: of the
    request, for a response that of its CSeq; it and all after it are for SIP only, but for
    mos: what the packet says of voice quality, in hundredths.
    """

    id: int
    received_us: int
    peer: str
    raw: bytes
    stamp_us: int
    type: int
    call: str | None
    cid: str | None
    src: str
    sport: int
    dst: str
    dport: int
    proto: int
    node_id: int
    node_name: str
    method: str | None
    status: int | None
    reason: str
    cseq: int | None
    from_user: str
    to_user: str
    mos: int | None = None

    @cached_property
    def packet(self) -> hep.Packet:
        return hep.decode(self.raw)

    @cached_property
    def text(self) -> sip.SipText:
        return sip.read(self.packet.payload)

    @property
    def source(self) -> str:
        return endpoint(self.src, self.sport)

    @property
    def target(self) -> str:
        return endpoint(self.dst, self.dport)

    @property
    def agent(self) -> str:
        """The capturing device: desk-17, or node 2001 if it has no name."""
        return self.node_name or f"node {self.node_id}"

    @property
    def label(self) -> str:
        """INVITE, 200 OK, or the kind of a packet that is not SIP."""
        if self.status:
            return f"{self.status} {self.reason}".rstrip()
        return self.method or PAYLOAD_TYPES.get(self.type, f"type {self.type}")


def _reported(body: bytes) -> str | None:
    """The Call-ID that a voice quality report is about."""
    try:
        return printable(vqreport.parse(body).call_id or "") or None
    except ValueError:
        return None


def message(packet: hep.Packet, raw: bytes, peer: str, received_us: int) -> Message:
    """The Message of a strictly decoded packet and the octets that it was decoded from."""
    cid = printable(packet.cid) if packet.cid else None
    text = sip.read(packet.payload if packet.type == SIP else b"")
    call = text.call_id or cid
    if packet.type == LOG and cid == OWN_CID:
        call = None  # what an agent says of itself is no call
    if cid in (None, call) and text.content_type.startswith(VQ) and text.method:
        cid = _reported(packet.payload[text.body :])
    return Message(
        id=0,
        received_us=received_us,
        peer=peer,
        raw=raw,
        stamp_us=packet.stamp_us or received_us,
        type=packet.type,
        call=call,
        cid=cid if cid != call else None,
        src=packet.src,
        sport=packet.sport,
        dst=packet.dst,
        dport=packet.dport,
        proto=packet.proto,
        node_id=packet.node_id,
        node_name=printable(packet.node_name or b""),
        method=text.method or text.cseq_method,
        status=text.status,
        reason=text.reason,
        cseq=text.cseq,
        from_user=text.from_user,
        to_user=text.to_user,
        mos=_mos(packet),
    )


def _mos(packet: hep.Packet) -> int | None:
    said = None if packet.type == SIP and packet.mos is None else figures(packet).mos
    return None if said is None else round(said * 100)
