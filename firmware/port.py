"""The seam between a personality and the port it runs on.

Nothing else in firmware/ asks which port this is, or imports `network` or `machine`.
"""

import micropython


def online(settings):
    """Brings the network up; the IP address that the device has on it."""
    return settings["address"]


def agent_class():
    """The capture agent; where the port counts allocations, one that says what it cost."""
    if hasattr(micropython, "mem_total"):
        from meter import MeteredAgent

        return MeteredAgent
    from uhep import Agent

    return Agent
