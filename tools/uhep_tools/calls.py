"""What is known of a call as a whole, put together from its messages in any order."""

from dataclasses import dataclass, field

from uhep_tools.message import Message

_CANCELLED = 487


@dataclass
class Call:
    """A dialog or registration: all messages with one Call-ID.

    method: what began it, an INVITE if there is one; None while no SIP is there. from_user,
    to_user: of the earliest such message, stamped head_us. *_us: Unix microseconds, None if
    it did not happen. final_*: the last final response to `method`, by CSeq number; last_cseq
    the highest CSeq number of it. mos: the lowest that any report says, in hundredths. last_id,
    agents: the highest id of its messages and who captured them, which the store fills in.
    """

    call: str
    method: str | None = None
    head_us: int = 0
    from_user: str = ""
    to_user: str = ""
    start_us: int = 0
    end_us: int = 0
    ring_us: int | None = None
    answer_us: int | None = None
    bye_us: int | None = None
    last_cseq: int = 0
    final_cseq: int = 0
    final_status: int | None = None
    final_reason: str = ""
    final_us: int | None = None
    messages: int = 0
    last_id: int = 0
    mos: int | None = None
    agents: list[str] = field(default_factory=list)

    def add(self, message: Message) -> None:
        """Take a message into account; it may come late, and twice from two agents."""
        stamp = message.stamp_us
        self.start_us = min(self.start_us, stamp) if self.messages else stamp
        self.end_us = max(self.end_us, stamp)
        self.messages += 1
        if message.mos is not None:
            self.mos = message.mos if self.mos is None else min(self.mos, message.mos)
        if message.method:
            self._take_head(message)
        if message.method == "INVITE" and message.status:
            if 180 <= message.status < 200:
                self.ring_us = _earlier(self.ring_us, stamp)
            elif 200 <= message.status < 300:
                self.answer_us = _earlier(self.answer_us, stamp)
        if message.method == "BYE" and not message.status:
            self.bye_us = _earlier(self.bye_us, stamp)
        if message.method and message.method == self.method:
            self._take_final(message)

    def _take_head(self, message: Message) -> None:
        mine = (self.method == "INVITE", -self.head_us)
        theirs = (message.method == "INVITE", -message.stamp_us)
        if self.method is not None and theirs <= mine:
            return
        if message.method != self.method:
            self.last_cseq = self.final_cseq = 0
            self.final_status = self.final_us = None
        self.method = message.method
        self.head_us = message.stamp_us
        self.from_user, self.to_user = message.from_user, message.to_user

    def _take_final(self, message: Message) -> None:
        cseq = message.cseq or 0
        self.last_cseq = max(self.last_cseq, cseq)
        if (message.status or 0) >= 200 and cseq >= self.final_cseq:
            if (cseq, message.status) != (self.final_cseq, self.final_status):
                self.final_us = message.stamp_us
            self.final_cseq, self.final_status = cseq, message.status
            self.final_reason = message.reason

    @property
    def state(self) -> str:
        """calling, ringing, in call, ended, cancelled, waiting; or the last answer: 486 Busy."""
        if self.method is None:
            return "no SIP"
        if self.bye_us is not None:
            return "ended"
        if self.answer_us is not None:
            return "in call"
        if self.final_status and self.final_cseq >= self.last_cseq:
            if self.method == "INVITE" and self.final_status == _CANCELLED:
                return "cancelled"
            return f"{self.final_status} {self.final_reason}".rstrip()
        if self.method == "INVITE":
            return "calling" if self.ring_us is None else "ringing"
        return "waiting"

    def duration_us(self, now_us: int) -> int | None:
        """Microseconds from the answer to the BYE, or to now; None if it was not answered."""
        if self.answer_us is None:
            return None
        end = now_us if self.bye_us is None else self.bye_us
        return max(0, end - self.answer_us)

    def events(self) -> list[tuple[int, str]]:
        """(Unix microseconds, what happened) in the order of time."""
        if self.method != "INVITE":
            done = self.final_status and self.final_us is not None
            return [(self.final_us, self.state)] if done else []
        found = [(self.head_us, "calling")]
        if self.ring_us is not None:
            found.append((self.ring_us, "ringing"))
        if self.answer_us is not None:
            found.append((self.answer_us, "answered"))
        elif self.final_status and self.final_cseq >= self.last_cseq:
            found.append((self.final_us, self.state))
        if self.bye_us is not None:
            found.append((self.bye_us, "ended"))
        return sorted(found, key=lambda event: event[0])


def _earlier(known: int | None, stamp: int) -> int:
    return stamp if known is None else min(known, stamp)
