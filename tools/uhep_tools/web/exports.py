"""A call as a file: pcap, text, JSON; and one packet as it came."""

import json as json_format
import re
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from uhep_tools import ladder
from uhep_tools.calls import Call
from uhep_tools.message import Message
from uhep_tools.queries import Reader
from uhep_tools.record import Record
from uhep_tools.render import as_object
from uhep_tools.text import date, printable

_WIDTH = 120


def pcap(request: Request) -> Response:
    """The frames that were on the wire, once each, whoever captured them."""
    # Here, because scapy takes half a second to import.
    from uhep_tools.arrows import scene
    from uhep_tools.pcap import PcapFile

    call, messages = _asked(request)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "call.pcap"
        with PcapFile(path) as file:
            for arrow in scene(messages).arrows:
                file.write(arrow.message.packet, arrow.message.received_us)
        content = path.read_bytes()
    return _file(content, "application/vnd.tcpdump.pcap", call, "pcap")


def text(request: Request) -> Response:
    """The ladder, then every message."""
    call, messages = _asked(request)
    parts = [ladder.draw(call, messages, _WIDTH).plain]
    for message in messages:
        head = f"--- {date(message.stamp_us)}  {message.source} > {message.target}"
        body = message.packet.payload.decode("utf-8", "backslashreplace").splitlines()
        parts.append("\n".join([f"{head}  {message.agent}", *map(printable, body)]))
    content = "\n\n".join(parts) + "\n"
    return _file(content.encode(), "text/plain; charset=utf-8", call, "txt")


def json(request: Request) -> Response:
    """What is known of the call, and its packets as `uhep decode --json` writes them."""
    call, messages = _asked(request)
    known = {
        "call_id": call.call,
        "state": call.state,
        "from": call.from_user,
        "to": call.to_user,
        "start_us": call.start_us,
        "duration_us": call.duration_us(time.time_ns() // 1000),
        "mos": None if call.mos is None else call.mos / 100,
        "agents": call.agents,
        "packets": [
            as_object(
                Record(message.raw, f"row {message.id}", message.received_us, message.peer),
                message.packet,
                message.packet.lint,
            )
            for message in messages
        ],
    }
    content = json_format.dumps(known, indent=1)
    return _file(content.encode(), "application/json", call, "json")


def raw(request: Request) -> Response:
    """One HEP packet, octet for octet."""
    with Reader(request.app.state.path) as reader:
        number = request.query_params.get("id", "")
        message = reader.message(int(number)) if re.fullmatch(r"\d{1,15}", number) else None
    if message is None:
        raise HTTPException(404, "There is no such packet.")
    name = {"content-disposition": f'attachment; filename="packet-{message.id}.hep"'}
    return Response(message.raw, media_type="application/octet-stream", headers=name)


def _asked(request: Request) -> tuple[Call, list[Message]]:
    name = request.query_params.get("id", "")
    with Reader(request.app.state.path) as reader:
        call = reader.call(name)
        if call is None:
            raise HTTPException(404, f"There is no call with the Call-ID {name}.")
        return call, reader.messages(name)


def _file(content: bytes, media_type: str, call: Call, suffix: str) -> Response:
    name = re.sub(r"[^A-Za-z0-9.@-]+", "_", call.call)[:80] or "call"
    headers = {"content-disposition": f'attachment; filename="{name}.{suffix}"'}
    return Response(content, media_type=media_type, headers=headers)
