"""What a device tells of itself: a line of key=value, HEP type 100, correlation id "uhep"."""

from micropython import const
from uhep import LOG, OUT

_CID = const(b"uhep")


def line(why, facts):
    """The text of a report: facts is a list of (key, value). Values with blanks are quoted."""
    words = ["uhep why=" + why]
    for key, value in facts:
        text = str(value)
        if not text or any([c in ' "=\\|' or not " " < c < "\x7f" for c in text]):
            text = text.strip().replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            text = '"%s"' % "".join([c if " " <= c < "\x7f" else "?" for c in text])
        words.append("%s=%s" % (key, text))
    return " ".join(words)


def tell(agent, address, text):
    """Print a report and let the agent, if there is one, send it. Never raises.

    address: the device's own, or "" as long as it has none.
    """
    print(text)
    if not agent or not agent.enabled:
        return
    try:
        here = (address or "127.0.0.1", 0)
        data = text.encode()
        agent.capture(agent.flow(here, here, kind=LOG), OUT, data, len(data), _CID)
    except (ValueError, MemoryError) as error:
        print("report: not sent: %s" % error)
