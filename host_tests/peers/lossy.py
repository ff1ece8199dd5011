"""Two networks, of a device and of a collector, and a wire between them that loses packets.

with lossy(loss=0.3, seed=1) as wire:
    wire.collector.submit(subprocess.Popen, ...)  # starts it at wire.COLLECTOR
    wire.down()  # nothing passes until wire.up()

Each network is a namespace of its own with a TUN device; what goes into one comes out of the
other, as the kernel's own IP packets, but for what is lost. tc's netem would do the same where
the kernel has it.
"""

import fcntl
import os
import random
import select
import struct
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from peers.network import unshare

DEVICE, COLLECTOR = "192.0.2.1", "192.0.2.2"
_SET_INTERFACE = 0x400454CA  # TUNSETIFF
_TUN, _PLAIN = 0x0001, 0x1000  # IFF_TUN, IFF_NO_PI: IP packets and nothing else


class Wire:
    """`device` and `collector` run what is submitted to them in their network; lost, passed:
    how many packets, in both directions."""

    def __init__(self, loss, seed):
        self.device = ThreadPoolExecutor(1)
        self.collector = ThreadPoolExecutor(1)
        self.lost = self.passed = 0
        self._loss = loss
        self._down = False
        self._dice = random.Random(seed)
        self._ends = [
            self.device.submit(_join, DEVICE).result(),
            self.collector.submit(_join, COLLECTOR).result(),
        ]
        self._stop, self._stopped = os.pipe()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def down(self):
        """Lose everything."""
        self._down = True

    def up(self):
        self._down = False

    def close(self):
        os.write(self._stopped, b"x")
        self._thread.join()
        self.device.shutdown()
        self.collector.shutdown()
        for fd in (*self._ends, self._stop, self._stopped):
            os.close(fd)

    def _run(self):
        one, other = self._ends
        while True:
            ready, _, _ = select.select([one, other, self._stop], [], [])
            if self._stop in ready:
                return
            for fd in ready:
                packet = os.read(fd, 65536)
                if packet[0] >> 4 != 4:
                    continue  # what IPv6 says to itself
                if self._down or self._dice.random() < self._loss:
                    self.lost += 1
                else:
                    self.passed += 1
                    os.write(other if fd == one else one, packet)


def _join(address):
    """Enter a network that has this address; the file of its TUN device."""
    unshare()
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, _SET_INTERFACE, struct.pack("16sH", b"wire", _TUN | _PLAIN))
    for command in ("link set lo up", f"address add {address}/24 dev wire", "link set wire up"):
        subprocess.run(["ip", *command.split()], check=True, timeout=10)
    return fd


@contextmanager
def lossy(loss, seed=1):
    """A Wire. Skips, or fails in CI, where this process may not make networks."""
    wire = Wire(loss, seed)
    try:
        yield wire
    finally:
        wire.close()
