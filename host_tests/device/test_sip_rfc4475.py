"""lib/usip hears each message of RFC 4475: it answers or drops as that says, and goes on."""

from doubles import Clock, Network, Phone
from rfc4475 import messages

# What a user agent of ours sends in return. Where RFC 4475 leaves a choice this is ours;
# None: nothing. A phone is no registrar: REGISTER is answered with 405.
ANSWERS = {
    "wsinv": [481],  # it has a To tag, of a dialog that is none of ours
    "intmeth": [405],
    "esc01": [100, 180],
    "escnull": [405],
    "esc02": [405],
    "lwsdisp": [200],
    "longreq": [100, 180],
    "dblreq": [405],
    "semiuri": [200],
    "transports": [200],
    "mpart01": [405],
    "unreason": [],
    "noreason": [],
    "badinv01": [400],
    "clerr": [400],
    "ncl": [400],
    "scalar02": [400],
    "scalarlg": [],
    "quotbal": [400],
    "ltgtruri": [400],
    "lwsruri": [400],
    "lwsstart": [100, 180],  # 3.1.2.9: may be taken for what is meant
    "trws": [200],
    "escruri": [400],
    "baddate": [100, 180],
    "regbadct": [405],
    "badaspec": [200],
    "baddn": [200],
    "badvers": [505],
    "mismatch01": [400],
    "mismatch02": [400],
    "bigcode": [],
    "badbranch": [200],
    "insuf": [400],
    "unkscm": [416],
    "novelsc": [416],
    "unksm2": [405],
    "bext01": [420],
    "invut": [415],
    "regaut01": [405],
    "multi01": [400],
    "mcl01": [400],
    "bcast": [],
    "zeromf": [200],  # 3.3.11: this is its end, nothing is forwarded
    "cparam01": [405],
    "cparam02": [405],
    "regescrt": [405],
    "sdp01": [406],
    "inv2543": [100, 180],
}


class Heard:
    def __init__(self):
        self.clock = Clock()
        self.network = Network()
        self.phone = Phone(self.network, self.clock, "192.0.2.2")
        self.phone.answers = False
        self.sock = self.network.socket("192.0.2.8", 5070)

    def send(self, data):
        """The statuses that are sent in return, to wherever."""
        self.network.log.clear()
        self.sock.waiting.clear()
        self.phone.calls.clear()
        self.phone.states.clear()
        self.sock.sendto(data, self.phone.sock.address)
        for _ in range(5):
            self.phone.poll()
            self.clock.pass_ms(10)
        return [int(sent.split()[1]) for _, _, sent in self.network.log[1:]]

    def settle(self):
        """Lets a time pass in which every transaction ends."""
        for _ in range(80):
            self.phone.poll()
            self.clock.pass_ms(500)


def test_each_is_answered_as_it_says():
    rows = messages()
    assert len(rows) == len(ANSWERS)
    for row, data in rows:
        heard = Heard()
        name = row["name"]
        assert heard.send(data) == ANSWERS[name], name


def test_nothing_is_left_of_any():
    heard = Heard()
    for row, data in messages():
        heard.send(data)
        for call in list(heard.phone.agent.calls):
            call.hang_up()
    heard.settle()
    assert heard.phone.agent.transactions.idle and heard.phone.agent.calls == []


def test_each_cut_and_damaged_at_many_places():
    """poll() never raises, and nothing is left behind."""
    heard = Heard()
    options = (
        b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.8:5070;branch=z9hG4bK%d;rport\r\n"
    )
    options += b"From: <sip:a@b>;tag=1\r\nTo: <sip:x>\r\nCall-ID: i%d\r\nCSeq: 1 OPTIONS\r\n\r\n"
    count = 0
    for row, data in messages():
        for at in range(0, len(data), 29):
            heard.send(data[:at])
            heard.send(data[:at] + b"\xff" + data[at + 1 :])
            for call in list(heard.phone.agent.calls):
                call.hang_up()
        heard.settle()
        count += 1
        assert heard.send(options % (count, count)) == [200], row["name"]
    assert len(heard.phone.agent.transactions) == 1


def test_flood_of_invites():
    """1,000 of them while we talk: bounded, 503 with Retry-After, and the call goes on."""
    heard = Heard()
    heard.phone.answers = True
    other = Phone(heard.network, heard.clock, "192.0.2.3")

    def run(ms):
        for _ in range(ms // 10):
            heard.phone.poll()
            other.poll()
            heard.clock.pass_ms(10)

    call = other.agent.call(heard.phone.uri)
    run(1000)
    assert call.state == "talking"
    heard.network.log.clear()
    most = 0
    answers = {"486": 0, "503": 0}
    for n in range(1000):
        invite = b"INVITE sip:phone@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.8:5070;rport;"
        invite += (
            b"branch=z9hG4bKf%d\r\nFrom: <sip:f@f>;tag=f\r\nTo: <sip:phone@192.0.2.2>\r\n" % n
        )
        invite += b"Call-ID: f%d\r\nCSeq: 1 INVITE\r\nContact: <sip:f@192.0.2.8>\r\n\r\n" % n
        heard.sock.sendto(invite, heard.phone.sock.address)
        if n % 10 == 9:
            run(10)
            for _, to, data in heard.network.log:
                if to[1] == 5070:
                    status = data.split()[1].decode()
                    answers[status] += 1
                    assert status == "486" or b"\r\nRetry-After: 5\r\n" in data
            heard.network.log.clear()
            heard.sock.waiting.clear()
        most = max(most, len(heard.phone.agent.transactions))
        if n == 500:
            call.hold()
    assert most <= 16 and heard.phone.agent.transactions.refused > 900
    assert answers["503"] > 900 and answers["486"] >= 10
    run(1000)
    assert call.state == heard.phone.agent.calls[0].state == "talking" and call.holding
    call.hang_up()
    run(1000)
    assert call.state == "ended" and heard.phone.agent.calls == []
    run(40000)
    assert heard.phone.agent.transactions.idle
