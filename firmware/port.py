"""The seam between a personality and the port it runs on.

Nothing else in firmware/ asks which port this is, or imports `network`, `machine` or `esp32`:
what needs them gets them from here. Without them, in the emulator, the address is the one of
device.json and there is nothing to keep going.
"""

import gc
import json

try:
    import machine
    import network
    from esp32 import NVS

    ON_BOARD = True
except ImportError:
    ON_BOARD = False

_keeper = None  # once begin() was called, on a board


def begin(settings):
    """Take over the board: the network starts coming up, the watchdog runs. Once."""
    global _keeper
    if ON_BOARD:
        import socket

        from keeper import Keeper

        network.Pin, network.SPI = machine.Pin, machine.SPI
        _keeper = Keeper(network, machine, socket, board(), settings, secret)
    return _keeper


def keeper():
    """What keeps the board going; None in the emulator."""
    return _keeper


def online(settings):
    """The IP address that the device has; on a board, waits for as long as there is none."""
    if not _keeper:
        return settings["address"]
    return _keeper.online()


def poll(busy=False):
    """One step of what keeps the device going; call it in each pass of the loop.

    busy: there is a call, which nothing may disturb that can wait.
    """
    if _keeper:
        _keeper.turn(busy)


def dns(settings):
    """The DNS server to ask for names, "host" or "host:port"; "" if none is known."""
    return settings["sip_dns"] or (_keeper.nic.dns() if _keeper else "")


def board():
    """The board's pins and network as a dict, of board.json; {} if there is none."""
    try:
        with open("board.json") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def has_pins():
    """Whether the board has lamps, switches or keypads."""
    found = board() if ON_BOARD else {}
    return any([found.get(kind) for kind in ("leds", "buttons", "keypads")])


def lamp(name):
    """The board's LED, or what rings, of that name, as a lamps.Lamp; None if it has none."""
    found = board().get("leds", {}).get(name)
    if not ON_BOARD or not found or "active" not in found:
        return None
    from lamps import Lamp

    return Lamp(machine.Pin(found["pin"], machine.Pin.OUT).value, found["active"])


def switch(name, on_change, settle_ms=20):
    """The board's button or hook switch of that name, as a lamps.Switch; None if it has none."""
    found = board().get("buttons", {}).get(name)
    if not ON_BOARD or not found:
        return None
    from lamps import Switch

    pull = machine.Pin.PULL_UP if found["active"] == "low" else machine.Pin.PULL_DOWN
    pin = machine.Pin(found["pin"], machine.Pin.IN, pull)
    return Switch(pin.value, found["active"], on_change, settle_ms=settle_ms)


def secret(name):
    """A secret that `uhep secrets set` has put into NVS, as text; None if it is not there."""
    if not ON_BOARD:
        return None
    buf = bytearray(256)
    try:
        n = NVS("uhep").get_blob(name, buf)
    except OSError:
        return None
    return bytes(buf[:n]).decode()


def at_console():
    """Somebody has stopped the device to work at its prompt."""
    if _keeper:
        _keeper.at_console()


def heap_used():
    """Octets of the heap that are in use, after a collection; None where nobody counts them."""
    gc.collect()
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else None


def capture_agent(path):
    """The capture agent of a hep.json; None, and one line that says why, if the file is wrong.

    Its password may be the secret hep_key. Where the port counts allocations it is an agent
    that knows what it cost.
    """
    try:
        from meter import MeteredAgent as Agent
    except ImportError:
        from uhep import Agent
    try:
        agent = Agent(_with_password(path))
    except (ValueError, MemoryError) as error:
        print("%s: nothing is captured: %s" % (path, error))
        return None
    if not agent.enabled:
        print("%s: nothing is captured: it is absent or not enabled" % path)
    return agent


def _with_password(path):
    # The configuration with the secret in it, if there is one; else the path as it is.
    password = secret("hep_key")
    if password:
        try:
            with open(path) as file:
                config = json.load(file)
            config["capture_password"] = password
            return config
        except (OSError, ValueError, TypeError):
            pass  # the agent finds the same, and says it
    return path
