"""Starts the device: its settings, the board, the capture agent, then the personality.

In this order: the agent's ring is the largest piece of memory that the device ever asks for,
and gets it while the heap is in one piece, before the rest of the code is loaded around it.
After three crashes in a row the personality is left out (safe.py), after four the agent too. A
device.json that is wrong does the same on a board, with the defaults: what the device needs to be
mended is a network.
"""

import port


def run():
    """Runs until the personality ends; does not return on a board."""
    settings, fault = _settings()
    if not settings:
        return
    if not port.ON_BOARD:
        agent = port.capture_agent("hep.json")
        __import__(settings["personality"]).run(settings, agent)
        return
    import crash  # no more than is needed is loaded in the emulator

    keeper = port.begin(settings)
    from keeper import Restart

    if keeper.cause == "watchdog":
        crash.note("the watchdog has reset the device")
    crashes = crash.count()
    agent = None
    if crashes <= crash.SAFE_AFTER:  # what crashes even in safe mode may be the agent
        agent = port.capture_agent("hep.json")
    keeper.agent = agent
    keeper.safe = bool(fault) or crashes >= crash.SAFE_AFTER
    try:
        if keeper.safe:
            import safe

            safe.run(settings, agent, fault)
        else:
            __import__(settings["personality"]).run(settings, agent)
        keeper.restart("the personality has ended")
    except Restart as why:
        keeper.restart(str(why))


def _settings():
    # (settings, what is wrong with the file); None for settings ends the emulator. `device` is
    # a name of this function alone, so that its module is let go.
    import device

    settings = fault = None
    try:
        settings = device.load("device.json")
    except ValueError as error:
        fault = "device.json: %s" % error
        print(fault)
        if port.ON_BOARD:
            settings = _rescued(device)
    device.forget()
    if settings:
        _secrets(settings)
    return settings, fault


def _rescued(device):
    # Of a device.json that is wrong: the keys that are right by themselves.
    import json

    settings = device.validate({})
    try:
        with open("device.json") as file:
            given = json.load(file)
        for key in list(given):
            try:
                settings[key] = device.validate({key: given[key]})[key]
            except (ValueError, KeyError):
                pass
    except (OSError, ValueError, TypeError, AttributeError, LookupError):
        pass
    return settings


def _secrets(settings):
    # A password that is not in the file may be in NVS.
    for key in ("sip_password", "sip_password2"):
        if settings.get(key) == "":
            settings[key] = port.secret(key) or ""
