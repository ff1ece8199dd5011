"""boot.py and main.py on a board, through all that a network, a clock and a release do to it.

Each ends in a device that tries again, reports, and can be reached. Under MicroPython only
(test_board_boot.py): the firmware is imported anew at each boot.
"""

import builtins
import os
import sys

from board_world import NTP, UTC, World

WIFI = {"personality": "personality", "name": "desk-17", "wifi_ssid": "lab"}
ETH = {
    "id": "TEST",
    "network": {
        "kind": "rmii", "phy": "LAN8720", "phy_addr": 1, "mdc": 23, "mdio": 18, "power": 16,
        "ref_clk": 0, "ref_clk_mode": "in",
    },
}  # fmt: skip
SPI = {
    "id": "TEST",
    "network": {
        "kind": "spi", "phy": "W5500", "phy_addr": 1, "spi": 1, "sck": 10, "mosi": 12,
        "miso": 11, "cs": 9, "int": 13, "reset": 14,
    },
}  # fmt: skip


def device(**more):
    settings = dict(WIFI)
    settings.update(more)
    return settings


def fields(text):
    return dict([word.split("=", 1) for word in text.split(" ") if "=" in word])


def booted(world, for_ms=20000):
    """One boot that must come to its report: the report's fields."""
    assert world.boot(for_ms) == "over"
    assert len(world.reports("boot")) >= 1, world.hep
    return fields(world.reports("boot")[-1])


def test_wifi_comes_up_and_is_reported():
    world = World(device())
    told = booted(world)
    assert told["reset"] == "power-on" and told["address"] == "192.0.2.21"
    assert told["tries"] == "1" and told["crashes"] == "0" and told["time"] == "ok"
    assert told["personality"] == "personality" and told["board"] == "TEST"
    assert world.nic.pm == 0 and world.nic.reconnects == 0
    assert world.network.names == ["desk-17"]
    assert world.nic.ifconfig()[0] == "192.0.2.21"


def test_ethernet_comes_up():
    for board in (ETH, SPI):
        world = World(device(wifi_ssid=""), board)
        assert booted(world)["address"] == "192.0.2.21"


def test_an_address_of_its_own():
    world = World(device(address="192.0.2.50", gateway="192.0.2.1"), ETH)
    world.dhcp_ms = None
    assert booted(world)["address"] == "192.0.2.50"
    assert world.nic.fixed == ("192.0.2.50", "255.255.255.0", "192.0.2.1", "192.0.2.1")


def test_the_time_is_set_with_its_fraction():
    world = World(device())
    seen = []

    def personality(settings, agent):
        sys.modules["port"].online(settings)
        for _ in range(200):
            sys.modules["port"].poll()
            sys.modules["time"].sleep_ms(1)
        agent.clock.tick()
        sec, us = agent.clock.now()
        seen.append((sec + us / 1000000, sys.modules["time"].time_ns() / 1000000000 + 946684800))
        agent.poll()
        raise SystemExit  # no Exception: the process of the emulator would end here

    try:
        world.boot(20000, personality)
    except SystemExit:
        pass
    now = UTC + world.now / 1000000
    # The way there and back took 20 ms; the loop looks every 10.
    assert abs(seen[0][0] - now) < 0.011, (seen, now)
    assert abs(seen[0][1] - now) < 0.011, (seen, now)


def test_no_access_point():
    world = World(device())
    world.radio = False
    assert world.boot(300000) == "over"
    assert world.hep == [] and world.said("no access point lab") == [
        "network: no access point lab"
    ]
    assert world.dog.due > world.now  # it was fed all the time
    world.radio = True
    told = booted(world, 60000)
    assert int(told["tries"]) >= 1


def test_an_access_point_that_comes_late():
    world = World(device())
    world.radio = False

    def appear():
        world.radio = True

    world.plan = [(200000, appear)]
    told = booted(world, 300000)
    assert int(told["tries"]) > 5 and int(told["network_ms"]) > 200000
    assert int(told["network_ms"]) < 200000 + 40000  # it waits 30 s at the most between tries


def test_a_wrong_key():
    world = World(device())
    world.nvs["wifi_key"] = b"wrong"
    assert world.boot(120000) == "over"
    assert world.said("network: the key of lab is wrong")
    assert not any(["wrong" == line for line in world.lines])
    world.nvs["wifi_key"] = b"sesame123"
    assert booted(world)["time"] == "ok"


def test_an_empty_nvs():
    world = World(device())
    world.nvs = {}
    assert world.boot(120000) == "over"
    assert world.said("network: lab wants a key, but wifi_key is not set")
    world.key = ""  # an open network
    assert booted(world)["address"] == "192.0.2.21"
    world.nvs["wifi_key"] = b"sesame123"
    assert world.boot(120000) == "over"
    assert world.said("network: lab wants no key, or one of another kind")


def test_no_ssid_at_all():
    world = World(device(wifi_ssid=""))
    assert world.boot(120000) == "over"
    assert world.said("network: wifi_ssid is not set")


def test_dhcp_that_comes_late_or_never():
    world = World(device(), ETH)
    world.dhcp_ms = 45000
    told = booted(world, 120000)
    assert int(told["network_ms"]) > 45000
    for board in (None, ETH):
        world = World(device(), board)
        world.dhcp_ms = None
        assert world.boot(120000) == "over"
        assert world.said("network: no address by DHCP")
        world.dhcp_ms = 100
        assert booted(world)["address"] == "192.0.2.21"


def test_no_cable_and_no_phy():
    world = World(device(), ETH)
    world.cable = False

    def plug():
        world.cable = True

    world.plan = [(70000, plug)]
    booted(world, 120000)
    assert world.said("network: no link")
    world = World(device(), ETH)
    world.phy = False

    def mend():
        world.phy = True

    world.plan = [(20000, mend)]
    booted(world, 120000)
    assert world.said("ESP_FAIL")


def test_a_link_that_flaps():
    for board in (None, ETH):
        world = World(device(), board)
        for i in range(20):

            def flap(on):
                def change():
                    world.radio = world.cable = on

                return change

            world.plan.append((30000 + i * 15000, flap(False)))
            world.plan.append((33000 + i * 15000, flap(True)))
        assert world.boot(400000) == "over"
        back = world.reports("network")
        assert len(back) >= 5, back
        assert fields(back[-1])["state"] == "back"
        assert len(world.reports("boot")) == 1 and world.boots == 1
        assert world.nic.isconnected()


def test_another_address_starts_the_device_again():
    world = World(device(), ETH)

    def move():
        world.cable = False
        world.address = "192.0.2.99"

    def plug():
        world.cable = True

    world.plan = [(30000, move), (31000, plug)]
    assert world.boot(60000) == "reset"
    assert world.cause == 5
    assert '"address was 192.0.2.21, is 192.0.2.99"' in world.reports("restart")[0]
    told = booted(world)
    assert told["address"] == "192.0.2.99" and told["reset"] == "soft" and told["crashes"] == "0"


def test_another_address_without_a_loss():
    for board, ssid in ((None, "lab"), (ETH, "")):
        world = World(device(wifi_ssid=ssid), board)

        def move():
            world.address = "192.0.2.99"

        world.plan = [(30000, move)]
        assert world.boot(60000) == "reset"
        assert '"address was 192.0.2.21, is 192.0.2.99"' in world.reports("restart")[0]


def test_no_time():
    for how, said in (
        ("off", "no answer"),
        ("forged", "no answer"),
        ("far", "no answer"),
        ("kod", "the server refuses: RATE"),
        ("unset", "the server has no time itself"),
    ):
        world = World(device())
        world.ntp = how
        assert world.boot(30000) == "over"
        # The agent holds its packets until they can be dated.
        assert world.hep == [] and world.said("uhep why=boot"), (how, world.lines)
        assert said in world.said("uhep why=boot")[0], world.lines
        asked = world.asked
        assert 1 <= asked <= 5  # it does not storm

        def come():
            world.ntp = "ok"

        world = World(device())
        world.ntp = how
        world.plan = [(60000, come)]
        world.pace_ms = 1000
        # After RATE it waits for 1024 s.
        assert world.boot(1200000 if how == "kod" else 150000) == "over"
        assert len(world.reports("boot")) == 1, (how, world.hep)


def test_time_that_is_lost_later():
    world = World(device())

    def lose():
        world.ntp = "off"

    world.plan = [(20000, lose)]
    world.pace_ms = 1000
    booted(world, 2400000)
    assert 5 < world.asked < 25
    assert world.boots == 1


def test_no_collector_configured():
    world = World(device(), hep=False)
    assert world.boot(90000) == "over"
    assert world.said("uhep why=boot") and world.hep == []
    world = World(device())
    world.put("hep.json", '{"capture_address": 1}')
    assert world.boot(90000) == "over"
    assert world.said("hep.json: nothing is captured: capture_address: 1 is not possible")


def test_a_hep_key_out_of_nvs_is_sent_and_not_said():
    world = World(device())
    world.nvs["hep_key"] = b"open-sesame"
    booted(world)
    assert world.packets and all([b"open-sesame" in packet for packet in world.packets])
    assert not world.said("open-sesame")


def crashing(when_ms, error):
    def personality(settings, agent):
        sys.modules["port"].online(settings)
        for _ in range(when_ms // 100):
            sys.modules["port"].poll()
            agent.poll()
            sys.modules["time"].sleep_ms(100)
        raise error

    return personality


def test_a_crash_is_told_after_the_reboot():
    world = World(device())
    assert world.boot(60000, crashing(5000, ValueError("no such tone"))) == "reset"
    assert world.reports("crash") == []
    assert "ValueError: no such tone" in world.get("crash.txt")
    told = booted(world)
    assert told["crashes"] == "1" and told["reset"] == "soft"
    report = world.reports("crash")[0]
    assert "count=1" in report and "ValueError: no such tone" in report
    assert "Traceback" in report and "board_boot.py" in report and "\n" not in report
    # After a minute of work it is over.
    world.boot(90000)
    assert world.get("crash.txt") is None
    assert booted(world)["crashes"] == "0"


def test_three_crashes_in_a_row_are_enough():
    world = World(device())
    world.constants["SAFE_MS"] = 600000  # for an hour
    crash = crashing(2000, MemoryError("memory allocation failed"))
    for n in range(3):
        assert world.boot(60000, crash) == "reset"
    assert world.boot(60000, crash) == "over"  # safe mode does not run it
    assert fields(world.reports("boot")[-1])["personality"] == "safe"
    assert world.reports("safe") == ['uhep why=safe reason="three crashes in a row"']
    assert world.nic.isconnected() and world.dog.due > world.now
    # It is tried once more after an hour; and is back in safe mode after one more crash.
    assert world.boot(700000, crash) == "reset"
    assert world.boot(60000, crash) == "reset"
    world.boot(60000, crash)
    assert fields(world.reports("boot")[-1])["personality"] == "safe"
    # Mended, it stays out of it.
    assert world.boot(700000) == "reset"
    assert world.boot(120000) == "over"
    assert fields(world.reports("boot")[-1])["personality"] == "personality"
    assert world.get("crash.txt") is None


def test_crashes_that_are_not_in_a_row_do_not_add_up():
    world = World(device())
    for _ in range(5):
        assert world.boot(200000, crashing(90000, ValueError("now and then"))) == "reset"
    assert fields(world.reports("boot")[-1])["personality"] == "personality"


def hanging(settings, agent):
    sys.modules["port"].online(settings)
    sys.modules["time"].sleep_ms(100000)  # without a turn of its loop


def test_the_watchdog():
    world = World(device())
    assert world.boot(200000, hanging) == "reset"
    assert world.cause == 3
    assert booted(world)["reset"] == "watchdog"
    assert 'text="the watchdog has reset the device"' in world.reports("crash")[0]
    world = World(device(watchdog_s=0))
    assert world.boot(90000, hanging) == "over" and world.dog is None


def test_a_hang_three_times_is_safe_mode():
    world = World(device())
    for _ in range(3):
        assert world.boot(200000, hanging) == "reset"
    assert world.boot(60000, hanging) == "over"
    assert fields(world.reports("boot")[-1])["personality"] == "safe"


def test_a_device_file_that_is_wrong():
    for text in (
        '{"name": 1, "wifi_ssid": "lab"}',
        '{"personality": "toaster", "wifi_ssid": "lab"}',
    ):
        world = World(device())
        world.put("device.json", text)
        told = booted(world)
        assert told["personality"] == "safe" and told["address"] == "192.0.2.21"
        assert "device.json: " in world.reports("safe")[0]


def test_a_device_file_that_is_no_object():
    for text in ("[1]", "[]", "null", '"x"', "{"):
        world = World(device(), ETH)
        world.put("device.json", text)
        assert booted(world)["personality"] == "safe" and world.boots == 1, text


def test_safe_mode_without_a_crash_leaves_none_behind():
    world = World(device())
    world.constants["SAFE_MS"] = 600000  # for an hour
    world.put("device.json", '{"name": 1, "wifi_ssid": "lab"}')
    assert world.boot(700000) == "reset"
    assert world.get("crash.txt") is None


def test_a_gateway_without_an_address():
    """It is said, and the network's DHCP is used: 127.0.0.1 would be out of reach."""
    world = World(device(gateway="192.0.2.1"), ETH)
    told = booted(world)
    assert told["personality"] == "safe" and told["address"] == "192.0.2.21"
    assert "address must be too" in world.reports("safe")[0]
    world = World(device(gateway="192.0.2.1", address="192.0.2.50", name=1), ETH)
    assert booted(world)["address"] == "192.0.2.50"


def test_a_password_that_is_no_text_is_not_sent():
    world = World(device(personality="phone", sip_password=12345678))
    assert booted(world)["personality"] == "safe"
    assert "sip_password must be a string" in world.reports("safe")[0]
    world = World(device(update_url="http://user:12345678@192.0.2.5/"))
    assert booted(world)["personality"] == "safe"
    assert "update_url must be" in world.reports("safe")[0]
    assert not world.said("12345678") and not any(["12345678" in text for text in world.hep])


def test_settings_that_a_personality_can_not_work_with():
    """They end in safe mode, not in one restart after the other."""
    given = {"personality": "probe", "server": "192.0.2.5:5060", "server_port": 5060}
    world = World(device(**given))
    assert booted(world)["personality"] == "safe" and world.boots == 1
    assert "server_port is sip_port" in world.reports("safe")[0]
    for hep, said in ((None, "interface is 'nope0'"), ("{}", "hep.json: a sniffer needs it")):
        world = World(device(personality="sniffer", interface="nope0"))
        if hep:
            world.put("hep.json", hep)
        for _ in range(3):
            assert world.boot(60000) == "reset"
        assert world.boot(60000) == "over"
        assert world.said("safe mode: three crashes")
        assert said in world.get("crash.txt")


def test_a_ring_that_does_not_fit():
    """The device works without; what else crashes with the agent there, safe mode too."""
    world = World(device())
    world.put("hep.json", '{"capture_address": "192.0.2.9:9060", "queue_bytes": 1048576}')
    assert world.boot(90000) == "over"
    assert world.said("hep.json: nothing is captured: memory allocation failed")
    assert world.said("personality=personality") and world.get("crash.txt") is None
    for crashes, sent in ((3, True), (4, False)):
        world = World(device())
        world.put("crash.txt", "%d\nwhat it was" % crashes)
        assert world.boot(60000) == "over" and world.said("uhep why=safe")
        assert bool(world.reports("safe")) == sent, crashes
        assert world.nic.isconnected()


def test_ctrl_c_before_it_starts_again():
    world = World(device())
    at = []

    def sleep(s):
        at.append(s)
        raise KeyboardInterrupt

    def broken(settings, agent):
        sys.modules["port"].online(settings)
        sys.modules["time"].sleep = sleep
        raise ValueError("broken")

    assert world.boot(60000, broken) == "ended"
    assert at == [5] and "ValueError: broken" in world.get("crash.txt")
    assert world.dog.due - world.now == 3600000000


def test_without_a_network_the_flash_is_left_alone():
    world = World(device())
    world.constants["TRIAL_MS"] = 100000  # for 10 minutes
    world.radio = False
    opened = []
    real = builtins.open

    def counting(name, *mode):
        opened.append(name)
        return real(name, *mode)

    builtins.open = counting
    try:
        assert world.boot(200000) == "over"
    finally:
        builtins.open = real
    assert opened.count("slot") < 5, opened.count("slot")


class Ticks:
    """time, of which only the ticks pass."""

    def __init__(self):
        self.ms = 0

    def ticks_ms(self):
        return self.ms % (1 << 30)

    def ticks_add(self, a, b):
        return (a + b) % (1 << 30)

    def ticks_diff(self, a, b):
        return (a - b + (1 << 29)) % (1 << 30) - (1 << 29)


def test_the_next_look_after_a_week_without_a_network():
    import updates

    ticks = Ticks()
    settings = {"update_url": "http://h/", "update_key": "0" * 64, "update_every_s": 86400}
    looks = updates.Updates(settings, None, None, ticks)
    begun = []
    looks._begin = lambda: begun.append(ticks.ms) or ""
    day = 86400000
    while ticks.ms < 7 * day:
        assert looks.poll(False) == ""
        ticks.ms += 600000
    looks.poll(True)
    assert begun == [ticks.ms]


def test_the_report_after_a_week_without_a_network():
    """5 days are the most that it counts; ticks would wrap, and give less than nothing."""
    for days, told in ((4, 4 * 86400000), (7, 432000000), (13, 432000000)):
        world = World(device(watchdog_s=600), ETH)
        world.cable, world.hurry = False, 1800

        def plug():
            world.cable, world.hurry = True, 1

        world.plan = [(days * 86400000, plug)]
        ms = int(booted(world, days * 86400000 + 20000)["network_ms"])
        assert told <= ms < told + 200000, (days, ms)


def test_a_personality_that_is_not_there():
    world = World(device())

    def absent(settings, agent):
        raise ImportError("no module named 'usip'")

    for _ in range(3):
        assert world.boot(60000, absent) == "reset"
    assert world.boot(60000, absent) == "over"
    assert fields(world.reports("boot")[-1])["personality"] == "safe"


def test_at_the_console_the_watchdog_waits():
    world = World(device())

    def stopped(settings, agent):
        sys.modules["port"].online(settings)
        raise KeyboardInterrupt

    assert world.boot(20000, stopped) == "ended"
    assert world.dog.due - world.now == 3600000000


def test_the_server_of_time_is_found_by_name():
    assert NTP == "192.0.2.3"
    world = World(device(ntp="192.0.2.3"))
    assert booted(world)["time"] == "ok"
    world = World(device(ntp=""))
    assert world.boot(20000) == "over"
    assert world.asked == 0 and world.said("time=off")


def on_trial(**more):
    """A world where 0.2.0 in slot b is on trial, and 0.1.0 in a was before."""
    world = World(device(**more))
    for slot, version in ("a", "0.1.0"), ("b", "0.2.0"):
        os.mkdir(world.folder + "/" + slot)
        world.put(slot + "/release.txt", "uhep release 1\nversion %s\narch x64\n" % version)
    world.put("slot", "b a 3")
    return world


def test_a_release_that_works_is_confirmed():
    world = on_trial()
    assert world.boot(120000) == "over"
    told = fields(world.reports("boot")[0])
    assert told["version"] == "0.2.0" and told["slot"] == "b" and told["trial"] == "2"
    assert world.reports("confirmed") == ["uhep why=confirmed version=0.2.0"]
    assert world.get("slot") == "b"
    assert "trial" not in booted(world)


def test_a_release_that_crashes_is_given_up():
    world = on_trial()
    for left in "210":
        assert world.boot(60000, crashing(3000, ValueError("new"))) == "reset"
        assert world.get("slot") == "b a " + left
    told = booted(world)
    assert told["version"] == "0.1.0" and told["slot"] == "a" and told["failed"] == "0.2.0"
    # Its crashes do not count for the old one, but are told.
    assert told["crashes"] == "0" and told["personality"] == "personality"
    assert "ValueError: new" in world.reports("crash")[-1]
    world.boot(120000)
    assert world.get("slot") == "a b" and world.get("crash.old") is None


def test_a_release_that_finds_no_network_is_given_up():
    world = on_trial()
    world.constants["TRIAL_MS"] = 200000  # for 10 minutes
    world.radio = False
    for _ in range(3):
        assert world.boot(300000) == "reset"
        assert world.said("the release on trial does not get well")
    assert world.boot(300000) == "over"
    assert world.get("slot") == "a b"


def test_a_release_that_hangs_is_given_up():
    world = on_trial()
    for _ in range(3):
        assert world.boot(200000, hanging) == "reset"
    assert booted(world)["version"] == "0.1.0"


def test_a_release_that_can_not_even_start_is_given_up():
    world = on_trial()
    world.put("b/start.py", "import no_such_module")
    for _ in range(3):
        assert world.boot(60000) == "reset"
    assert booted(world)["version"] == "0.1.0"
    assert "no_such_module" in world.reports("crash")[-1]
