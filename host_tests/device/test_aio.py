"""The agent as a task."""

import asyncio

from capture_doubles import agent
from uhep import OUT
from uhep.aio import run


def test_polls_for_ever():
    a = agent()
    flow = a.flow(("192.0.2.10", 5060), ("192.0.2.20", 5060))

    async def main():
        task = asyncio.create_task(run(a, 1))
        for i in range(3):
            a.capture(flow, OUT, b"OPTIONS sip:x SIP/2.0\r\n\r\n", 25)
            for _ in range(2000):
                await asyncio.sleep(0.001)
                if len(a.link.packets) > i:
                    break
        task.cancel()

    asyncio.run(main())
    assert len(a.link.packets) == 3
