"""firmware/dialplan.py: what is a number, what may become one, and what is called for it."""

from dialplan import MAYBE, MORE, NONE, WHOLE, DialPlan
from doubles import raises

ISSUE = "(9xx|[2-8]xxx|0x.|*xx|x.#)"

# Plan, then what is dialled: verdict and number.
TABLE = (
    (ISSUE, "9", MORE, None),
    (ISSUE, "91", MORE, None),
    (ISSUE, "911", MAYBE, "911"),  # x.# may still come of it
    (ISSUE, "911#", WHOLE, "911"),
    (ISSUE, "9115", MORE, None),
    (ISSUE, "2", MORE, None),
    (ISSUE, "234", MORE, None),
    (ISSUE, "2345", MAYBE, "2345"),
    (ISSUE, "23456#", WHOLE, "23456"),
    (ISSUE, "0", MAYBE, "0"),
    (ISSUE, "0123456789", MAYBE, "0123456789"),
    (ISSUE, "0123#", WHOLE, "0123"),
    (ISSUE, "*", MORE, None),
    (ISSUE, "*7", MORE, None),
    (ISSUE, "*72", WHOLE, "*72"),
    (ISSUE, "*722", NONE, None),
    (ISSUE, "**", NONE, None),
    (ISSUE, "1", MORE, None),
    (ISSUE, "1#", WHOLE, "1"),
    (ISSUE, "1*", NONE, None),
    (ISSUE, "#", NONE, None),  # a number of no digits is none
    (ISSUE, "A", NONE, None),
    ("[2-8]xxx|9xx", "911", WHOLE, "911"),
    ("[2-8]xxx|9xx", "2345", WHOLE, "2345"),
    ("[2-8]xxx|9xx", "1", NONE, None),
    ("[2-8]xxx|9xx", "91*", NONE, None),
    ("x.", "5", MAYBE, "5"),
    ("xx.", "5", MAYBE, "5"),
    ("xxx.", "5", MORE, None),
    ("1.2", "2", WHOLE, "2"),
    ("1.2", "1112", WHOLE, "1112"),
    ("1.2", "111", MORE, None),
    ("[135*#]x", "#1", WHOLE, "#1"),
    ("[135*#]x", "2", NONE, None),
    ("[0-2A-C]", "B", WHOLE, "B"),
    ("[0-2A-C]", "D", NONE, None),
    ("( 0 x . | 1 1 )", "11", WHOLE, "11"),
    ("xxx|x.", "123", MAYBE, "123"),
    ("#xx", "#12", WHOLE, "#12"),
    ("xx#x", "12#3", WHOLE, "12#3"),
    ("<0:>xx.", "0", MORE, None),
    ("<0:>xx.", "0123", MAYBE, "123"),
    ("<9:0041>xxx", "9123", WHOLE, "0041123"),
    ("<:+41>[1-9]xx", "123", WHOLE, "+41123"),
    ("<00:+>x.#", "0041#", WHOLE, "+41"),
    ("<110:112>", "110", WHOLE, "112"),
    ("<110:112>", "11", MORE, None),
    ("0<1:2>3", "013", WHOLE, "023"),
    ("x.#", "12345678901234567890123456789012", MORE, None),
    ("x.#", "123456789012345678901234567890123", NONE, None),  # there is an end to it
)


def test_the_table():
    for text, digits, verdict, number in TABLE:
        assert DialPlan(text).match(digits) == (verdict, number), (text, digits)


def test_numbers_beside_the_plan():
    plan = DialPlan("(x.|*xx)", ["**1", "**2"])
    assert plan.match("*") == (MORE, None) and plan.match("**") == (MORE, None)
    assert plan.match("**2") == (WHOLE, "**2") and plan.match("**3") == (NONE, None)
    assert plan.match("*21") == (WHOLE, "*21")


def test_the_first_that_matches_counts():
    assert DialPlan("<1:2>|1").match("1") == (WHOLE, "2")
    assert DialPlan("1|<1:2>").match("1") == (WHOLE, "1")


def test_what_is_no_plan_is_named():
    for text, said in (
        ("", "no empty alternatives"),
        ("(12||3)", "no empty alternatives"),
        ("12z", "can not have 'z'"),
        (".5", "a . after nothing"),
        ("5..", "a . after nothing"),
        ("<1:2>.", "a . after nothing"),
        ("[", "can not have '['"),
        ("[]", "can not have '['"),
        ("[5-2]", "can not have [5-2]"),
        ("[1-z]", "can not have [1-z]"),
        ("[1z]", "can not have 'Z' in [ ]"),
        ("1]", "can not have ']'"),
        ("<12", "a < without"),
        ("<12>", "a < without"),
        ("<1:x>", "can not put 'x'"),
        ("1<:2>", "can not add to the end"),
        ("<:2>", "a number for no digits"),
    ):
        assert said in raises(ValueError, DialPlan, text), text
