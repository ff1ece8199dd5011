"""Safe mode: no personality, only the agent, the network and updates; so it can be mended."""

import time

import port


def run(settings, agent, fault=None):
    """Runs until the keeper starts the device again. fault: what is wrong, if known."""
    print("safe mode: %s" % (fault or "three crashes in a row"))
    port.online(settings)
    keeper = port.keeper()
    facts = [("reason", fault or "three crashes in a row")]
    keeper.report("safe", facts)
    while True:
        port.poll()
        if agent:
            agent.poll()
        time.sleep_ms(100)
