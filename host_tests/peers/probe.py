"""The probe, in MicroPython, between phones and a server."""

from contextlib import contextmanager

from uhep_tools.ports import free_port
from uhep_tools.sim import Device
from waiting import until


class Probe:
    """sip_port: where phones send to; server_port: where the server does."""

    def __init__(self, device, sip_port, server_port):
        self.device = device
        self.sip_port = sip_port
        self.server_port = server_port


@contextmanager
def probe(folder, server, collector, **settings):
    """A probe before the server at port `server` that captures to port `collector`."""
    sip_port, server_port = free_port(), free_port()
    device = Device(
        "probe",
        folder / "probe",
        device={
            "personality": "probe",
            "sip_port": sip_port,
            "server": f"127.0.0.1:{server}",
            "server_port": server_port,
            **settings,
        },
        hep={"capture_address": f"127.0.0.1:{collector}", "capture_name": "probe"},
    )
    with device:
        until(lambda: any("for server" in line for line in device.lines), lambda: device.lines)
        yield Probe(device, sip_port, server_port)
