# Part of uhep, MIT licence.
"""What not every agent has beside ring and link: imported only if one of its keys is there."""


def attach(agent, c):
    """Give `agent` what its complete configuration `c` asks for. In this order: each stands
    before what was there."""
    if c["collectors"] == "copy":
        from uhep.agent import Agent
        from uhep.copy import Copy

        Copy(agent, c, lambda own: Agent(own, agent.ticks))
    elif c["spool"]:
        from uhep.outage import Outage

        Outage(agent, c)
    if c["redact"]:
        from uhep.redact import Redact

        Redact(agent, c["redact"], c["redact_salt"])
    if c["trigger_s"]:
        from uhep.trigger import Trigger

        Trigger(agent, c)
    if c["status_s"]:
        from uhep.status import Status

        Status(agent, c)
