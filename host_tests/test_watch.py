"""uhep watch, keys pressed and screens read, without a terminal."""

import asyncio

from sipmake import CALL_ID, captured, packet, sip
from textual.widgets import DataTable, Input, Static
from typer.testing import CliRunner
from uhep_tools.cli import app
from uhep_tools.hep import decode
from uhep_tools.store import Store
from uhep_tools.watch import Watch
from waiting import PATIENCE_S


def fill(store, packets):
    for raw in packets:
        store.add(decode(raw), raw, "127.0.0.1:40000")
    store.flush()


def watching(tmp_path, look):
    """Run look(pilot, store) on the program and a store that it watches."""

    async def run():
        with Store(tmp_path / "uhep.db") as store:
            program = Watch(store.path)
            async with program.run_test(size=(130, 40)) as pilot:
                await pilot.pause()
                await look(pilot, store)

    asyncio.run(asyncio.wait_for(run(), PATIENCE_S))


async def until(pilot, condition):
    """Wait until it is so; the limit is that of `watching`."""
    while not condition():
        await pilot.pause(0.05)


def rows(pilot):
    table = pilot.app.screen.query_one(DataTable)
    return [[str(cell) for cell in table.get_row_at(n)] for n in range(table.row_count)]


def shown(pilot, name):
    return str(pilot.app.screen.query_one(name, Static).render())


def test_list_ladder_and_message(tmp_path):
    async def look(pilot, store):
        assert rows(pilot) == []
        fill(store, captured()[:6])
        await until(pilot, lambda: rows(pilot))
        assert rows(pilot)[0][1:5] == ["INVITE", "100", "200", "ringing"]
        fill(store, captured()[6:])
        await until(pilot, lambda: rows(pilot)[0][4] == "ended")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen.query("#picture"))
        await until(pilot, lambda: "180 Ringing" in shown(pilot, "#picture"))
        assert "1 of 7  INVITE" in shown(pilot, "#text")
        await pilot.press("j", "j")
        assert "3 of 7  180 Ringing" in shown(pilot, "#text")
        assert "SIP/2.0 180 Ringing" in shown(pilot, "#text")
        await pilot.press(*"jjjjjjjjj", "k")
        assert "6 of 7  BYE" in shown(pilot, "#text")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen.query(DataTable))

    watching(tmp_path, look)


def test_ladder_grows(tmp_path):
    async def look(pilot, store):
        fill(store, captured()[:4])
        await until(pilot, lambda: rows(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen.query("#picture"))
        fill(store, captured()[4:])
        await until(pilot, lambda: "BYE" in shown(pilot, "#picture"))

    watching(tmp_path, look)


def test_search(tmp_path):
    async def look(pilot, store):
        fill(store, captured())
        fill(store, [packet(sip(b"OPTIONS sip:h SIP/2.0", b"1 OPTIONS", b"other"))])
        await until(pilot, lambda: len(rows(pilot)) == 2)
        await pilot.press("/", *"ringing")
        await until(pilot, lambda: [row[9] for row in rows(pilot)] == [CALL_ID.decode()])
        await pilot.press("enter", "escape")
        await until(pilot, lambda: len(rows(pilot)) == 2)
        assert not pilot.app.screen.query_one(Input).display

    watching(tmp_path, look)


def test_hostile_text_is_text(tmp_path):
    async def look(pilot, store):
        evil = b"[red]\x1b[2J\x9b[/nope]"
        fill(store, [packet(sip(b"INVITE sip:2@h SIP/2.0\r\nX: " + evil, b"1 INVITE", evil))])
        await until(pilot, lambda: rows(pilot))
        assert rows(pilot)[0][9] == r"[red]\x1b[2J\x9b[/nope]"
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen.query("#text"))
        await until(pilot, lambda: "INVITE" in shown(pilot, "#text"))
        for name in ("#text", "#picture"):
            assert r"[red]\x1b[2J" in shown(pilot, name)
            assert "\x1b" not in shown(pilot, name) and "\x9b" not in shown(pilot, name)

    watching(tmp_path, look)


def test_no_database(tmp_path):
    done = CliRunner().invoke(app, ["watch", "--db", str(tmp_path / "no.db")])
    assert done.exit_code == 1 and "there is no such database" in done.output
