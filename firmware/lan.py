"""The Ethernet of a board: a PHY at RMII, or a chip at SPI."""


def make(network, what):
    """The port's LAN, not active yet. network: the port's module, with `Pin` and `SPI`; what: the
    `network` of board.json. Raises what the driver raises."""
    kwargs = {
        "phy_type": getattr(network, "PHY_" + what["phy"]),
        "phy_addr": what["phy_addr"],
    }
    pin = network.Pin
    for key in ("mdc", "mdio", "power", "reset", "ref_clk", "cs", "int"):
        if key in what:
            kwargs[key] = pin(what[key])
    if what["kind"] == "spi":
        kwargs["spi"] = network.SPI(
            what["spi"], sck=pin(what["sck"]), mosi=pin(what["mosi"]), miso=pin(what["miso"])
        )
    else:
        out = what["ref_clk_mode"] == "out"
        kwargs["ref_clk_mode"] = pin.OUT if out else pin.IN
    return network.LAN(**kwargs)
