"""The seam between a personality and the port it runs on.

Nothing else in firmware/ asks which port this is, or imports `network` or `machine`.
"""

import micropython


def online(settings):
    """Brings the network up; the IP address that the device has on it."""
    return settings["address"]


def capture_agent(path):
    """The capture agent of a hep.json; None, and one line that says why, if the file is wrong.

    Where the port counts allocations it is one that knows what it cost.
    """
    if hasattr(micropython, "mem_total"):
        from meter import MeteredAgent as Agent
    else:
        from uhep import Agent
    try:
        agent = Agent(path)
    except ValueError as error:
        print("%s: nothing is captured: %s" % (path, error))
        return None
    if not agent.enabled:
        print("%s: nothing is captured: it is absent or not enabled" % path)
    return agent
