"""Ports for programs that bind by themselves: whose they are, and that nobody else gets them."""

import errno
import socket
import subprocess
import sys

import pytest
from uhep_tools import ports


@pytest.fixture
def window(monkeypatch):
    """Two ports that are free, and the only ones to be given out."""
    first = ports.free_block(2)
    for _ in range(2):
        ports._reserved.pop().close()
    monkeypatch.setattr(ports, "_LOW", first)
    monkeypatch.setattr(ports, "_HIGH", first + 3)
    return first


def test_none_is_given_out_twice(window):
    assert ports.free_block(2) == window
    with pytest.raises(RuntimeError, match=f"no 1 free ports between {window}"):
        ports.free_port()


def test_nor_by_another_process(window):
    script = (
        "import sys; from uhep_tools import ports; "
        "ports._LOW, ports._HIGH = map(int, sys.argv[1:]); "
        "print(ports.free_block(2), flush=True); input()"
    )
    command = [sys.executable, "-c", script, str(window), str(window + 3)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert int(other.stdout.readline()) == window
        with pytest.raises(RuntimeError):
            ports.free_port()
        other.communicate("\n")
    assert ports.free_port() == window  # it has ended


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_bound_one_is_not_free(window, kind):
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", window + 1))
        with pytest.raises(RuntimeError):
            ports.free_block(2)


def test_a_host_without_ipv6(window, monkeypatch):
    class Socket(socket.socket):
        def __init__(self, family, kind):
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
            super().__init__(family, kind)

    monkeypatch.setattr(socket, "socket", Socket)
    assert ports.free_block(2) == window
