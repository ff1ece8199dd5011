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
    lists = c["skip_methods"] or c["skip_responses"] or c["skip_peers"] or c["only_peers"]
    if lists or c["sample"] > 1 or max(c["rates"]):
        from uhep.filter import Filter

        Filter(agent, c)
    if c["trigger_s"]:  # before the filter, or it would not see what that refuses
        from uhep.trigger import Trigger

        Trigger(agent, c)
    if c["status_s"]:
        from uhep.status import Status

        Status(agent, c)
