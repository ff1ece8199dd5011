"""baresip: a real phone with digest registration, RTP and RTCP."""

import json
import socket
import wave
from contextlib import contextmanager

from uhep_tools.ports import free_block, free_port

from peers.program import fill, running


class Phone:
    def __init__(self, control, sip):
        self.sip = sip
        self._control = control

    def command(self, name, params=""):
        """One of its commands: dial, hangup. Spoken in netstrings of JSON."""
        text = json.dumps({"command": name, "params": params, "token": name}).encode()
        with socket.create_connection(("127.0.0.1", self._control), timeout=5) as sock:
            sock.sendall(b"%d:%s," % (len(text), text))
            heard = b""
            # It tells events as well, and may do so before it answers.
            while b'"response":true' not in heard:
                more = sock.recv(65535)
                assert more, f"baresip did not answer {name} {params}, but: {heard}"
                heard += more
        assert b'"ok":true' in heard, f"baresip refused {name} {params}: {heard}"


@contextmanager
def phone(folder, user, proxy=None, transport="udp", codec="pcmu", sound=bytes(2 * 8000 * 30)):
    """A phone that answers every call, and registers as user@uhep.test at a proxy if there is one.

    Its `sip` is its port. sound: what it sends, 16 bits at 8 kHz; what it hears comes into
    folder/user/dump-*-dec.wav, whole when the call is over. It binds its media to any address:
    run it in a network of its own.
    """
    folder = folder / user
    folder.mkdir()
    with wave.open(str(folder / "tone.wav"), "wb") as tone:
        tone.setparams((1, 2, 8000, 0, "NONE", ""))
        tone.writeframes(sound)
    sip, control = free_block(2), free_port()  # the port after sip is for TLS
    fill("baresip.cfg", folder / "config", sip=sip, control=control, folder=folder)
    (folder / "contacts").write_text("")
    account = f"<sip:{user}@127.0.0.1:{sip};transport={transport}>;regint=0"
    if proxy:
        account = (
            f"<sip:{user}@uhep.test;transport={transport}>;auth_user={user};auth_pass=pw-{user}"
            f';outbound="sip:127.0.0.1:{proxy};transport={transport}";regint=60'
        )
    (folder / "accounts").write_text(f"{account};audio_codecs={codec};answermode=auto;ptime=20\n")
    with running(["baresip", "-f", folder], folder, [("udp", sip), ("tcp", control)]):
        yield Phone(control, sip)
