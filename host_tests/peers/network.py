"""A network of its own for programs that can not be told to stay on 127.0.0.1."""

import ctypes
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import REQUIRE_PEERS

_CLONE_NEWNET = 0x40000000
_CLONE_NEWNS = 0x20000
ADDRESS = "192.0.2.1"  # beside 127.0.0.1: what a program takes for the address of the machine


def unshare():
    """Put this thread into a network of its own, that has nothing yet."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        text = f"no network of its own: {os.strerror(ctypes.get_errno())}; run as root"
        pytest.fail(text, pytrace=False) if REQUIRE_PEERS else pytest.skip(text)


def _enter():
    unshare()
    for command in (
        "link set lo up",
        f"address add {ADDRESS}/24 dev lo",
        "route add default dev lo",
    ):
        subprocess.run(["ip", *command.split()], check=True, timeout=10)


def own_sys():
    """Mounts a /sys that shows this network, within `isolated`: else it is the machine's."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert not libc.unshare(_CLONE_NEWNS), os.strerror(ctypes.get_errno())
    for command in ("mount --make-rprivate /", "mount -t sysfs sysfs /sys"):
        subprocess.run(command.split(), check=True, timeout=10)


def isolated(function):
    """Call function() in a network that has nothing but a loopback interface.

    In a thread, for the main thread keeps the network that it has. Threads and programs that
    function starts are in there with it.
    """

    def run():
        _enter()
        return function()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()
