"""What the agent is held to; a figure that has a goal carries it."""

WRITE_RATIO = 1.5  # capture and poll, by a bare write of the same packet
SCAN_RATIO = 0.5  # the scan of an INVITE, by the same
MPY_OCTETS = 8 * 1024
HEAP_OCTETS = 10 * 1024


def against(goal: float, value: float) -> dict:
    """The two entries of a figure with a goal that is an upper limit."""
    return {"goal": goal, "reached": value <= goal}
