"""An ESP32 and what is around it, for boot.py and main.py: network, machine, esp32, time, socket.

The modules behave as those of MicroPython's ESP32 port do, faults included. Time is virtual: it
passes in sleeps only, and the watchdog bites when it passes unfed. `World.boot` starts the
device and comes back when it resets, loses its power, or has run for so long.
"""

import builtins
import os
import sys

from usip.net import token

FIRMWARE = ("boot", "main", "start", "port", "keeper", "nic", "sntp", "crash", "slots", "report")
FIRMWARE += (
    "started",
    "lan",
    "safe",
    "device",
    "keys",
    "updates",
    "update",
    "manifest",
    "fetch",
    "ed25519",
    "meter",
    "personality",
)
_PERIOD = 1 << 30
_T2000 = 946684800
UTC = 1767225600.25  # when a world begins
DNS, NTP, COLLECTOR = "192.0.2.1", "192.0.2.3", "192.0.2.9"


print_out = print


class Reset(BaseException):
    """The device starts again; `cause` as machine.reset_cause gives it then."""

    def __init__(self, cause):
        super().__init__(cause)
        self.cause = cause


class Over(BaseException):
    """The test has seen enough of this boot."""


class World:
    """now: microseconds since it began. plan: (at_ms, function) in order, run as time passes.

    ssid, key: of the access point, which is there if `radio`; dhcp_ms: until there is an
    address, None: never. cable, phy: of the Ethernet. ntp: answers; "off" does not, "kod"
    refuses, "unset" has no time, "forged" answers what was not asked, "far" takes 3 s.
    pace_ms: of the personality's loop. hurry: how many times longer each sleep in ms takes.
    hep, packets: what came at the collector, its texts and whole. nvs: {name: bytes}.
    """

    def __init__(self, device, board=None, hep=True):
        self.now = 0
        self.plan = []
        self.ssid, self.key, self.radio, self.dhcp_ms = "lab", "sesame123", True, 500
        self.cable, self.phy, self.address = True, True, "192.0.2.21"
        self.ntp = "ok"
        self.pace_ms = 100
        self.hurry = 1
        self.asked = 0
        self.hep = []
        self.packets = []
        self.nvs = {"wifi_key": b"sesame123"}
        self.cause = 1
        self.boots = 0
        self.lines = []
        self.constants = {}  # of keeper.py, that are other than there
        self.nic = None
        self.folder = "%s/uhep-board-%s" % (os.getenv("TMPDIR") or "/tmp", token(8))
        os.mkdir(self.folder)
        self.home = os.getcwd()
        import json

        self.put("device.json", json.dumps(device))
        self.put("board.json", json.dumps(board or {"id": "TEST", "network": {"kind": "wifi"}}))
        if hep:
            config = {"capture_address": COLLECTOR + ":9060", "queue_bytes": 8192}
            self.put("hep.json", json.dumps(config))

    def put(self, name, text):
        with open(self.folder + "/" + name, "w") as file:
            file.write(text)

    def get(self, name):
        try:
            with open(self.folder + "/" + name) as file:
                return file.read()
        except OSError:
            return None

    def reports(self, why):
        """The texts of the reports at the collector that begin so."""
        return [text for text in self.hep if text.startswith("uhep why=" + why)]

    def said(self, text):
        return [line for line in self.lines if text in line]

    def boot(self, for_ms, personality=None):
        """One start of the device: "reset" or "over". personality: its run(settings, agent)."""
        self.boots += 1
        self.nic = None
        self.dog = None
        self.until = self.now + for_ms * 1000
        before = dict(sys.modules)
        for name in list(sys.modules):
            if name.split(".")[0] in FIRMWARE + ("uhep", "usip"):
                del sys.modules[name]
        sys.modules["time"] = Time(self)
        sys.modules["machine"] = Machine(self)
        sys.modules["network"] = network = Network(self)
        sys.modules["esp32"] = Esp32(self)
        sys.modules["socket"] = Sockets(self)
        sys.modules["keys.personality"] = Keys()
        sys.modules["personality"] = Personality(personality or self.idle)
        self.network = network
        path = list(sys.path)
        builtins.print = self.lines_of
        os.chdir(self.folder)
        try:
            __import__("boot")
            for name in self.constants:
                setattr(__import__("keeper"), name, self.constants[name])
            __import__("main")
            return "ended"
        except Reset as reset:
            self.cause = reset.cause
            return "reset"
        except Over:
            return "over"
        finally:
            builtins.print = print_out
            os.chdir(self.home)
            sys.path[:] = path
            for name in list(sys.modules):
                if name not in before:
                    del sys.modules[name]
            for name in before:
                sys.modules[name] = before[name]

    def idle(self, settings, agent):
        """A personality that only goes on."""
        port = sys.modules["port"]
        time = sys.modules["time"]
        port.online(settings)
        while True:
            port.poll()
            if agent:
                agent.poll()
            time.sleep_ms(self.pace_ms)

    def run(self, for_ms, personality=None):
        """Boot again after each reset, until so much time has passed."""
        end = self.now + for_ms * 1000
        while self.now < end:
            self.boot((end - self.now) // 1000, personality)

    def lines_of(self, *words, **options):
        self.lines.append(" ".join([str(word) for word in words]))
        print_out(*words, **options)

    def pass_us(self, us):
        end = self.now + us
        while self.plan and self.plan[0][0] * 1000 <= end:
            self.now = max(self.now, self.plan[0][0] * 1000)
            self.plan.pop(0)[1]()
            self.bite()
        self.now = end
        self.bite()
        if self.now >= self.until:
            raise Over()

    def bite(self):
        if self.dog and self.now >= self.dog.due:
            raise Reset(3)


class Keys:
    KEYS = {}


class Personality:
    def __init__(self, run):
        self.run = run


class Time:
    def __init__(self, world):
        self.world = world
        self.set_us = None  # as machine.RTC has been set, Unix time less `now`

    def ticks_ms(self):
        return self.world.now // 1000 % _PERIOD

    def ticks_us(self):
        return self.world.now % _PERIOD

    def ticks_add(self, a, b):
        return (a + b) % _PERIOD

    def ticks_diff(self, a, b):
        return (a - b + _PERIOD // 2) % _PERIOD - _PERIOD // 2

    def sleep_ms(self, ms):
        self.world.pass_us(ms * 1000 * self.world.hurry)

    def sleep_us(self, us):
        self.world.pass_us(us)

    def sleep(self, s):
        self.world.pass_us(int(s * 1000000))

    def time_ns(self):  # of 2000, as on an ESP32
        return (self.world.now + (self.set_us or 0)) * 1000

    def time(self):
        return self.time_ns() // 1000000000

    def gmtime(self, t=None):
        t = self.time() if t is None else t
        day, left = t // 86400, t % 86400
        # Civil from days (Howard Hinnant), of 2000-03-01.
        z = day - 60
        era = z // 146097
        doe = z - era * 146097
        yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
        doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
        mp = (5 * doy + 2) // 153
        month = mp + 3 if mp < 10 else mp - 9
        year = 2000 + yoe + era * 400 + (month <= 2)
        clock = (left // 3600, left // 60 % 60, left % 60)
        return (year, month, doy - (153 * mp + 2) // 5 + 1) + clock + ((day + 5) % 7, 0)


def days(year, month, day):
    """Since 2000-01-01."""
    y = year - (month <= 2)
    doy = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return y * 365 + y // 4 - y // 100 + y // 400 + doy - 730425


class Watchdog:
    """As the task watchdog: it can not be stopped, but made anew with another time."""

    def __init__(self, world, timeout):
        if timeout < 1000:
            raise ValueError("WDT timeout too short")
        self.world, self.timeout = world, timeout
        self.feed()
        world.dog = self

    def feed(self):
        self.due = self.world.now + self.timeout * 1000


class Pin:
    IN, OUT = 1, 3

    def __init__(self, number, *args):
        if not 0 <= number < 49:
            raise ValueError("invalid pin")
        self.number = number


class SPI:
    def __init__(self, number, sck, mosi, miso):
        assert number in (1, 2) and isinstance(sck, Pin)


class Machine:
    Pin, SPI = Pin, SPI

    def __init__(self, world):
        self.world = world

    def reset_cause(self):
        return self.world.cause

    def reset(self):
        raise Reset(5)

    def WDT(self, id=0, timeout=5000):
        return Watchdog(self.world, timeout)

    def RTC(self):
        return self

    def datetime(self, t):
        year, month, day, weekday, h, m, s, us = t
        assert weekday == (days(year, month, day) + 5) % 7 and 0 <= us < 1000000
        at = (days(year, month, day) * 86400 + h * 3600 + m * 60 + s) * 1000000 + us
        sys.modules["time"].set_us = at - self.world.now


class Esp32:
    def __init__(self, world):
        self.world = world

    def NVS(self, namespace):
        assert namespace == "uhep"
        return self

    def get_blob(self, name, buf):
        assert len(name) <= 15
        if name not in self.world.nvs:
            raise OSError(-4354, "ESP_ERR_NVS_NOT_FOUND")
        value = self.world.nvs[name]
        if len(value) > len(buf):
            raise OSError(-4364, "ESP_ERR_NVS_INVALID_LENGTH")
        buf[: len(value)] = value
        return len(value)


class Network:
    """ETH_* and STAT_* as the port numbers them."""

    STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010
    STAT_NO_AP_FOUND, STAT_WRONG_PASSWORD, STAT_BEACON_TIMEOUT = 201, 202, 200
    STAT_ASSOC_FAIL, STAT_HANDSHAKE_TIMEOUT = 203, 204
    ETH_INITIALIZED, ETH_STARTED, ETH_STOPPED, ETH_CONNECTED = 0, 1, 2, 3
    ETH_DISCONNECTED, ETH_GOT_IP = 4, 5
    PHY_LAN8720, PHY_RTL8201, PHY_W5500 = 3, 5, 100

    def __init__(self, world):
        self.world = world
        self.lan = None
        self.names = []

        class Wlan(WlanBase):
            pass

        Wlan.world = world
        self.WLAN = Wlan

    def hostname(self, name):
        if len(name) > 32:
            raise ValueError("hostname too long")
        self.names.append(name)

    def LAN(self, *, phy_type, phy_addr, mdc=None, mdio=None, power=None, reset=None,
            spi=None, cs=None, int=None, ref_clk=None, ref_clk_mode=None):  # fmt: skip
        if not self.world.phy:
            raise OSError(-1, "ESP_FAIL")
        if phy_type < 100 and (mdc is None or mdio is None):
            raise TypeError("mdc and mdio are needed")
        if phy_type >= 100 and (spi is None or cs is None or int is None):
            raise TypeError("spi, cs and int are needed")
        assert ref_clk_mode in (None, Pin.IN, Pin.OUT)
        self.world.nic = self.lan = self.lan or Lan(self.world)
        return self.lan


class Interface:
    got = False  # an address
    fixed = None

    def isconnected(self):
        self.look()
        return self.got

    def ifconfig(self, config=None):
        if config:
            assert len(config) == 4
            self.fixed = config
        self.look()
        if not self.got:
            return ("0.0.0.0",) * 4
        return self.fixed or (self.world.address, "255.255.255.0", DNS, DNS)

    def dhcp(self, since):
        if self.fixed:
            return True
        ms = self.world.dhcp_ms
        return ms is not None and self.world.now - since >= ms * 1000


class Lan(Interface):
    def __init__(self, world):
        self.world = world
        self.on = False
        self.since = 0
        self.linked = False

    def active(self, on=None):
        if on is not None:
            self.on = on
        return self.on

    def look(self):
        if not self.on or not self.world.cable:
            self.linked = self.got = False
            return
        if not self.linked:
            self.linked = True
            self.since = self.world.now
        self.got = self.dhcp(self.since)

    def status(self):
        self.look()
        if not self.on:
            return Network.ETH_INITIALIZED
        if self.got:
            return Network.ETH_GOT_IP
        return Network.ETH_CONNECTED if self.linked else Network.ETH_DISCONNECTED


class WlanBase(Interface):
    IF_STA, IF_AP = 0, 1
    PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0, 1, 2
    _one = None

    def __new__(cls, which=0):
        assert which == 0
        if not cls._one:
            cls._one = object.__new__(cls)
            cls._one.on = False
            cls._one.wanted = cls._one.begun = None
            cls._one.pm = 1
            cls._one.reconnects = -1
            cls._one.reason = 0
            cls._one.world.nic = cls._one
        return cls._one

    def __init__(self, which=0):
        pass

    def active(self, on=None):
        if on is not None:
            self.on = bool(on)
            if not on:
                self.wanted = self.begun = None
                self.got = False
        return self.on

    def config(self, *names, **values):
        if not self.on:
            raise OSError("Wifi Not Started")
        for name in values:
            assert name in ("pm", "reconnects")
            setattr(self, name, values[name])

    def connect(self, ssid, key=None):
        if not self.on:
            raise OSError("Wifi Not Started")
        self.look()
        if self.begun is not None and not self.reason:
            raise OSError("Wifi Internal State Error")
        self.wanted = (ssid, key)
        self.begun = self.world.now
        self.reason = 0

    def disconnect(self):
        if not self.on:
            raise OSError("Wifi Not Started")
        self.wanted = self.begun = None
        self.got = False

    def look(self):
        # What the driver has done meanwhile, after a scan of 2 s.
        if self.begun is None or self.reason:
            self.got = False
            return
        took = self.world.now - self.begun
        w = self.world
        if took < 2000000:
            return
        if not w.radio or self.wanted[0] != w.ssid:
            self.fail(200 if self.got else 201)
        elif bool(self.wanted[1]) != bool(w.key):
            self.fail(210)
        elif (self.wanted[1] or "") != w.key:
            self.fail(15 if took < 2500000 else 202)
        else:
            self.got = self.dhcp(self.begun + 2000000)

    def fail(self, reason):
        self.got = False
        if self.reconnects != -1:
            self.reason = reason
        else:
            self.begun = self.world.now  # the driver tries again, and says nothing

    def status(self):
        self.look()
        if self.got:
            return Network.STAT_GOT_IP
        if self.reason:
            return self.reason
        return Network.STAT_CONNECTING if self.begun is not None else Network.STAT_IDLE


class Sockets:
    AF_INET, SOCK_STREAM, SOCK_DGRAM = 2, 1, 2

    def __init__(self, world):
        self.world = world

    def getaddrinfo(self, host, port, family=0, kind=0, *rest):
        if len(host.split(".")) != 4:
            raise OSError(-202)  # the port's own lookup would wait: nothing here may use it
        return [(2, kind, 0, "", (host, port))]

    def socket(self, family=2, kind=2, *rest):
        return Socket(self.world)


class Socket:
    def __init__(self, world):
        self.world = world
        self.waiting = []
        self.peer = None

    def setblocking(self, flag):
        assert not flag

    def connect(self, address):
        self.peer = address

    def write(self, buf, at=0, n=None):
        n = len(buf) if n is None else n
        self.sendto(bytes(buf[at : at + n]), self.peer)
        return n

    def send(self, data):
        self.sendto(bytes(data), self.peer)
        return len(data)

    def sendto(self, data, address):
        w = self.world
        if not w.nic or not w.nic.isconnected():
            raise OSError(118)  # EHOSTUNREACH of lwIP
        if address == (DNS, 53):
            answer = data[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + data[12:]
            where = bytes([int(part) for part in NTP.split(".")])
            self.later(2, answer + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + where)
        elif address == (NTP, 123):
            w.asked += 1
            self.time(data)
        elif address == (COLLECTOR, 9060):
            assert data[:4] == b"HEP3"
            w.packets.append(data)
            w.hep.append(payload(data))

    def time(self, question):
        w = self.world
        if w.ntp == "off":
            return
        delay = 3000 if w.ntp == "far" else 20
        sec = int(UTC) + 2208988800
        us = int((UTC - int(UTC)) * 1000000) + w.now + delay * 500
        sec, us = sec + us // 1000000, us % 1000000
        stamp = pack32(sec) + pack32((us << 32) // 1000000)
        mark = b"forgery!" if w.ntp == "forged" else question[40:48]
        head = b"\x24\x02\x06\xec" + bytes(8) + b"GPS\0" + bytes(8)
        if w.ntp == "kod":
            head = b"\x24\0\x06\xec" + bytes(8) + b"RATE" + bytes(8)
        if w.ntp == "unset":
            head = b"\xe4\x10" + head[2:]
        self.later(delay, head + mark + stamp + stamp)

    def later(self, ms, data):
        self.waiting.append((self.world.now + ms * 1000, data))

    def recv(self, n):
        if not self.waiting or self.waiting[0][0] > self.world.now:
            raise OSError(11)
        return self.waiting.pop(0)[1][:n]

    def readinto(self, buf):
        try:
            data = self.recv(len(buf))
        except OSError:
            return None
        buf[: len(data)] = data
        return len(data)

    def close(self):
        pass


def pack32(value):
    return bytes([value >> 24 & 255, value >> 16 & 255, value >> 8 & 255, value & 255])


def payload(packet):
    """The text of a HEP packet of type 100."""
    at = 6
    kind = 0
    while at < len(packet):
        chunk = packet[at + 2] << 8 | packet[at + 3]
        n = packet[at + 4] << 8 | packet[at + 5]
        if chunk == 11:
            kind = packet[at + 6]
        if chunk == 15:
            return packet[at + 6 : at + n].decode() if kind == 100 else "type %d" % kind
        at += n
    return ""
