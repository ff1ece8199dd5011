"""A tapped TLS connection: the clear text of both directions, under both interpreters."""

import json
import os
import socket
import ssl
import subprocess
import sys
import threading

import pytest
from conftest import ROOT
from uhep_tools import certs

sys.path.insert(0, str(ROOT / "host_tests/device"))
from tls_talk import ANSWERED, ASKED


@pytest.fixture
def server(tmp_path):
    """The port of a server that hears two messages and answers with three, in odd pieces."""
    certificate, key = certs.Authority().issue("localhost").write(tmp_path, "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))
    heard = []

    def serve():
        with context.wrap_socket(listener.accept()[0], server_side=True) as sock:
            while len(b"".join(heard)) < 2 * len(ASKED):
                heard.append(sock.recv(1000))
            answer = ANSWERED * 3
            for at in range(0, len(answer), 37):
                sock.sendall(answer[at : at + 37])

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    thread.join(10)
    listener.close()
    assert b"".join(heard) == ASKED * 2


@pytest.mark.parametrize("interpreter", ["micropython", "cpython"])
def test_clear_text(interpreter, server, micropython):
    device = str(ROOT / "host_tests/device/tls_talk.py")
    lib = str(ROOT / "lib")
    if interpreter == "micropython":
        command, path = [micropython, device], {"MICROPYPATH": f"{lib}:.frozen"}
    else:
        command, path = [sys.executable, device], {"PYTHONPATH": lib}
    done = subprocess.run(
        [*command, str(server)],
        env={**os.environ, **path},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout, done.stderr
    went, came = [ASKED.decode(), 5061 & 255], [ANSWERED.decode(), 40000 & 255]
    assert json.loads(done.stdout) == [went] * 2 + [came] * 3
