"""The spool: what goes in comes out, in order and once, whatever becomes of the flash."""

from flash_doubles import Flash, PowerCut
from uhep.spool import Spool, wrong

BLOCK = 256
PATH = "/uhep.spool"
EIO, ENOSPC, EROFS = 5, 28, 30  # not all of them are in MicroPython's errno


class Random:
    """The same numbers on every interpreter."""

    def __init__(self, seed):
        self._x = seed * 7919 + 12345

    def below(self, n):
        self._x = (self._x * 1103 + 12345) % 1000003
        return self._x % n


def record(serial, size=60):
    return b"HEP3" + bytes((size >> 8, size & 255)) + b"%06d" % serial + bytes(size - 12)


def put(s, serial, size=60, kind=2):
    return s.put(b"..." + record(serial, size), 3, size, kind)


def take(s, most=9999):
    """Serial numbers of what comes out; asserts that each is a whole record."""
    out = []
    for _ in range(2 * most):
        n = s.ready()
        if n:
            got = bytes(s.buf[s.at : s.at + n])
            assert got == record(int(got[6:12]), n), got
            out.append(int(got[6:12]))
            s.done()
        if len(out) == most or not n and not s.waiting:
            break
    return out


def balance(s):
    assert s.lost == sum(s.lost_by)
    assert s.found + s.spooled == s.sent + s.lost + s.waiting
    assert s.waiting >= 0


def spool(blocks=4):
    return Spool(PATH, blocks, BLOCK)


def test_first_in_first_out():
    with Flash() as flash:
        s = spool(16)
        for i in range(40):
            assert put(s, i)
        assert len(flash.files) == 9 and s.waiting == 40
        assert take(s) == list(range(40))
        assert flash.files == {} and s.waiting == 0
        balance(s)


def test_few_records_never_reach_the_flash():
    with Flash() as flash:
        s = spool()
        for i in range(4):
            put(s, i)
        assert take(s) == [0, 1, 2, 3]
        assert flash.log == []


def test_a_reboot_keeps_whole_blocks_in_order():
    with Flash() as flash:
        s = spool(16)
        for i in range(11):  # four to a block
            put(s, i)
        s = spool(16)
        assert s.found == 8 and s.bad == 0
        put(s, 100)
        assert take(s) == [0, 1, 2, 3, 4, 5, 6, 7, 100]
        balance(s)
        assert spool(16).found == 0 and flash.files == {}


def test_a_block_is_written_once_whole_and_removed_once():
    with Flash() as flash:
        s = spool(16)
        for i in range(41):
            put(s, i)
        take(s)
        opened = [name for what, name in flash.log if what == "open"]
        removed = [name for what, name in flash.log if what == "remove"]
        assert len(opened) == len(set(opened)) == 11 and removed == opened
        assert flash.written == 11 * BLOCK


def test_the_oldest_block_makes_room():
    with Flash() as flash:
        s = spool(3)
        for i in range(22):  # five whole blocks and two records
            put(s, i)
        assert len(flash.files) == 3 and s.lost == 8
        balance(s)
        # The rest in memory joins the blocks, which takes the room of one more.
        assert take(s) == list(range(12, 22)) and s.lost == 12
        balance(s)


def test_blocks_without_calls_make_room_first():
    for reboot in (False, True):
        with Flash() as flash:
            s = spool(5)
            # Whole blocks of class 3, 0, 2, 3 with some others, 1, of four records each.
            for i, kind in enumerate(b"\3\3\3\3\0\0\0\0\2\2\2\2\0\0\1\3\0\1\1\1\3"):
                put(s, i, 60, kind)
            assert len(flash.files) == 5 and s.lost == 0
            if reboot:
                s = spool(5)  # the classes are in flash, too
                put(s, 20, 60, 3)
            for i in range(21, 32):
                put(s, i, 60, 3)
            assert s.lost_by == [5, 3, 0, 0]
            put(s, 32, 60, 3)
            assert s.lost_by == [5, 3, 4, 0]
            balance(s)
            # Now all have calls: first goes what has few, then the oldest. What has none, or
            # few, is not written any more.
            for i in range(33, 45):
                put(s, i, 60, 3)
            assert s.lost_by == [7, 4, 4, 9]
            written = flash.written
            for i in range(100, 140):
                put(s, i, 60, i & 1)
            assert s.lost_by[2:] == [4, 10] and flash.written == written
            assert take(s) == list(range(24, 44))
            balance(s)


def test_a_block_that_was_begun_loses_only_the_rest():
    with Flash():
        s = spool(3)
        for i, kind in enumerate(b"\0\1\2\0\3\3\3\3\3"):
            put(s, i, 60, kind)
        assert take(s, 2) == [0, 1]
        for i in range(9, 14):
            put(s, i, 60, 3)
        assert s.lost_by == [1, 0, 1, 0] and s.sent == 2
        for i in range(14, 17):
            put(s, i, 60, 3)
        assert take(s, 4) == [8, 9, 10, 11] and s.lost_by == [1, 0, 1, 4]
        balance(s)
        balance(s)


def test_classes_of_records_that_are_given_up():
    with Flash() as flash:
        s = spool(8)
        for i in range(13):
            put(s, i, 60, i & 3)
        assert put(s, 13, BLOCK, 1) and s.lost_by == [0, 1, 0, 0]  # too large
        assert s.ready() == 0 and s.ready() == 60  # what was in memory has joined
        put(s, 14)  # the block that was begun is put aside, with its first record as it was
        assert s.ready() == 0 and s.ready() == 60
        assert bytes(s.buf[s.at : s.at + 60]) == record(0)
        s.done(1)
        assert s.lost_by == [1, 1, 0, 0] and s.sent == 0
        flash.files[PATH + ".1"] = b"x"
        assert take(s) == [1, 2, 3, 8, 9, 10, 11, 12, 14]
        assert s.lost_by == [2, 2, 1, 1]
        balance(s)


def test_a_record_larger_than_a_block_is_lost_and_counted():
    with Flash():
        s = spool()
        assert put(s, 1) and put(s, 2, BLOCK - 15) and put(s, 3, BLOCK - 16)
        assert s.lost == 1
        assert take(s) == [1, 3]
        balance(s)


def test_an_outage_while_sending():
    # What was begun goes on where it was; nothing twice, nothing missing.
    for sent in range(12):
        for more in range(10):
            with Flash():
                s = spool(16)
                for i in range(10):
                    put(s, i)
                out = take(s, sent)
                for i in range(10, 10 + more):
                    put(s, i)
                out += take(s)
                assert out == list(range(10 + more)), (sent, more, out)
                balance(s)


def test_a_power_cut_at_every_octet_of_a_block():
    for atomic in (False, True):
        for power in range(BLOCK + 2):
            with Flash(atomic) as flash:
                s = spool(3)
                for i in range(16):  # three blocks in flash, the fourth in memory
                    put(s, i)
                flash.power = power
                try:
                    put(s, 16)
                except PowerCut:
                    pass
                flash.power = None
                s = spool(3)
                # Only the block being written is lost, beside the one that makes room for it.
                if power > BLOCK or power == BLOCK and not atomic:
                    first, end = 4, 16
                elif power == 0 or atomic:
                    first, end = 0, 12
                else:
                    first, end = 4, 12
                assert take(s) == list(range(first, end)), (atomic, power)
                assert s.bad == (not atomic and 0 < power < BLOCK)
                balance(s)
                assert flash.files == {}


def test_every_changed_octet_is_seen():
    with Flash() as flash:
        s = spool()
        for i in range(5):
            put(s, i)
        name, good = list(flash.files.items())[0]
        used = good[12] << 8 | good[13]
        for at in range(used):
            for bit in (1, 128):
                flash.files[name] = good[:at] + bytes((good[at] ^ bit,)) + good[at + 1 :]
                flash.log = []
                s = spool()
                assert s.bad == 1 and s.found == 0 and take(s) == [], at
                assert flash.files == {}
        flash.files[name] = good
        assert take(spool()) == [0, 1, 2, 3]


def test_a_block_that_changes_while_it_waits():
    with Flash() as flash:
        s = spool(8)
        for i in range(13):
            put(s, i)
        name = PATH + ".1"
        flash.files[name] = flash.files[name][:100]
        assert take(s) == [0, 1, 2, 3, 8, 9, 10, 11, 12]
        assert s.bad == 1 and s.lost == 4
        balance(s)


def test_garbage():
    random = Random(1)
    with Flash() as flash:
        s = spool(8)
        for i in range(9):
            put(s, i)
        good = flash.files[PATH + ".0"]
        noise = bytes([random.below(256) for _ in range(600)])
        bad = [good[:n] for n in range(0, 250, 7)]  # cut
        bad += [b"", noise, good[:30] + noise, b"uhS2" + noise, bytes(BLOCK), b"\xff" * BLOCK]
        for i in range(len(bad)):
            flash.files["%s.%d" % (PATH, 20 + i)] = bad[i]
        others = {PATH + ".txt": b"1", PATH + ".007": b"2", PATH + ".": b"3", "/main.py": b"4"}
        others["/uhep.spools.1"] = b"5"
        flash.files.update(others)
        s = spool(8)
        assert s.bad == len(bad) and s.found == 8
        assert take(s) == list(range(8))
        assert flash.files == others  # what is not the spool's stays


def test_files_of_another_size():
    # Another number of blocks, another size of blocks: what can be read is sent.
    with Flash() as flash:
        s = spool(16)
        for i in range(41):
            put(s, i)
        s = spool(2)
        assert s.found == 40
        put(s, 50)
        # Only what stands where a new block goes makes room for it.
        assert take(s) == list(range(4, 40)) + [50] and s.lost == 4
        for i in range(5):
            put(s, i)
        assert take(Spool(PATH, 4, 2 * BLOCK)) == [0, 1, 2, 3]
        s = spool()
        for i in range(5):
            put(s, i)
        s = Spool(PATH, 4, BLOCK // 2)
        assert s.bad == 1 and s.waiting == 0 and flash.files == {}


def test_what_can_not_be_written_stays_in_memory():
    for fault, on, status in (
        (ENOSPC, "open", "off:ENOSPC"),
        (ENOSPC, "write", "off:ENOSPC"),
        (ENOSPC, "close", "off:ENOSPC"),
        (EROFS, "open", "off:EROFS"),
        (EIO, "write", "off:5"),
    ):
        with Flash() as flash:
            s = spool(16)
            for i in range(11):
                put(s, i)
            flash.fault, flash.on = fault, (on,)
            took = [put(s, i) for i in range(11, 20)]
            assert took == [True] + 8 * [False]
            assert s.status == status
            log = len(flash.log)
            # Older ones are sent all the same; a torn file is gone.
            assert sorted(take(s)) == list(range(12)) and s.status == status
            assert [what for what, _ in flash.log[log:]] == ["remove", "remove"]
            assert flash.files == {}
            balance(s)


def test_a_read_only_file_system():
    with Flash() as flash:
        s = spool()
        for i in range(9):
            put(s, i)
        flash.fault, flash.on = EROFS, ("open", "remove")
        s = spool()
        assert s.found == 8 and s.status == "ok"
        assert take(s) == list(range(8))  # sent once in this run, though it can not be removed
        assert s.status == "off:EROFS" and take(s) == []
        assert not put(s, 9)


def test_no_file_system():
    for what, took, sent in (("list", 0, 0), ("read", 30, 0), ("open", 4, 4)):
        with Flash() as flash:
            flash.files[PATH + ".0"] = b"x"
            flash.fault, flash.on = EIO, (what,)
            s = spool(8)
            assert s.waiting == 0
            assert sum([put(s, i) for i in range(30)]) == took
            assert len(take(s)) == sent
            balance(s)


class Model:
    """What a spool holds, as lists of serial numbers; told of each block that was written."""

    def __init__(self, flash, blocks):
        self.flash = flash
        self.blocks = blocks
        self.stored = []  # one list a block, oldest first; `begun` of the first one are sent
        self.begun = 0
        self.memory = []
        self.serial = 0
        self.reboot()

    def reboot(self):
        self.spool = spool(self.blocks)
        assert self.spool.bad == 0
        self.begun = self.lost = 0
        self.memory = []
        self.written = self.flash.written
        self.check()

    def check(self, more=0):
        s = self.spool
        if self.flash.written > self.written:
            assert self.flash.written == self.written + BLOCK
            self.stored.append(self.memory)
            self.memory = []
            self.written = self.flash.written
        if s.lost > self.lost:
            assert s.lost - self.lost == len(self.stored[0]) - self.begun
            self.stored.pop(0)
            self.begun = 0
            self.lost = s.lost
        assert (
            s.waiting == sum([len(b) for b in self.stored]) - self.begun + len(self.memory) + more
        )
        assert len(self.flash.files) == len(self.stored) <= self.blocks
        balance(s)

    def put(self, size):
        assert put(self.spool, self.serial, size)
        if self.flash.written > self.written:  # the record went into the next block
            self.check(1)
        self.memory.append(self.serial)
        self.serial += 1
        self.check()

    def take(self):
        s = self.spool
        n = s.ready()
        if not n:
            self.check()
            return
        block = self.stored[0] if self.stored else self.memory
        assert bytes(s.buf[s.at : s.at + n]) == record(block[self.begun], n)
        s.done()
        if self.stored:
            self.begun += 1
            if self.begun == len(block):
                self.stored.pop(0)
                self.begun = 0
        else:
            self.memory.pop(0)
        self.check()


def test_model():
    for seed in range(100):
        random = Random(seed)
        with Flash(random.below(2)) as flash:
            m = Model(flash, 2 + random.below(5))
            for _ in range(80):
                do = random.below(20)
                for _ in range(random.below(12)):
                    if do < 10:
                        m.put(12 + random.below(100))
                    elif do < 19:
                        m.take()
                if do == 19:
                    m.reboot()
            while m.spool.waiting:
                m.take()
            assert flash.files == {}


def test_configuration():
    good = {"path": "/uhep.spool", "blocks": 16}
    assert wrong(good) is None
    for change in (
        {"path": ""},
        {"path": "/flash/"},
        {"path": 7},
        {"path": None},
        {"blocks": 1},
        {"blocks": 257},
        {"blocks": "16"},
        {"blocks": True},
        {"blocks": 2.0},
        {"size": 4096},
    ):
        value = dict(good)
        value.update(change)
        assert "blocks from 2 to 256" in wrong(value), value
    for value in (True, 16, "/uhep.spool", [], {}, {"path": "/x"}, {"blocks": 16}):
        assert "/uhep.spool" in wrong(value), value
