# Part of uhep, MIT licence.
"""The agent as a task of asyncio."""

import asyncio


async def run(agent, every_ms=20):
    """Poll `agent` for ever: asyncio.create_task(run(agent)). Allocates nothing per turn."""
    sleep_ms = getattr(asyncio, "sleep_ms", None) or _sleep_ms
    while True:
        agent.poll()
        await sleep_ms(every_ms)


def _sleep_ms(ms):  # CPython
    return asyncio.sleep(ms / 1000)
