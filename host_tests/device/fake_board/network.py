"""network of a board that is a process: an Ethernet that is there at once."""

ETH_CONNECTED = 3
PHY_LAN8720 = 3


def hostname(name):
    pass


class LAN:
    def __init__(self, **kwargs):
        pass

    def active(self, on=None):
        return True

    def isconnected(self):
        return True

    def status(self):
        return 5

    def ifconfig(self, config=None):
        return ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1")
