import msgspec
import pytest

from ledger.errors import InvalidInput
from ledger.program.decide import ProgramExists, UnknownProgram, decide
from ledger.program.events import ProgramCreated, ProgramDrafted
from ledger.program.state import Program, evolve
from ledger.program.terms import BurnRule, EarnRule, PointCurrency, Terms
from ledger.streams import PROGRAM
from tests.spec import spec
from tests.unit.ledger.program.facts import (
    APRIL,
    BURN,
    CREATE,
    CREATED,
    EARN,
    JANUARY,
    NOON,
    RICHER,
    TERMS,
    draft,
    drafted,
    publish,
    published,
)

POINTS = PointCurrency("points", "Points")
STATUS = PointCurrency("status", "Status points", redeemable=False)
MILES = PointCurrency("miles", "Miles")

CONTRADICTIONS = [
    (Terms((POINTS, POINTS), EARN), "/terms/point_currencies/1/code"),
    (Terms((POINTS, STATUS, MILES, PointCurrency("status", "Again")), EARN), "/terms/point_currencies/3/code"),
    (Terms((MILES,), EARN), "/terms/earn/point_currency"),
    (Terms((POINTS,), EARN, BurnRule("1", "miles")), "/terms/burn/point_currency"),
    (Terms((POINTS, STATUS), EARN, BurnRule("1", "status")), "/terms/burn/point_currency"),
    (Terms((POINTS, POINTS), EarnRule("1", "miles"), BurnRule("1", "miles")), "/terms/point_currencies/1/code"),
    (Terms((STATUS,), EarnRule("1", "miles"), BurnRule("1", "status")), "/terms/earn/point_currency"),
]
"""Terms that contradict themselves, and the first place to look; with several faults, the first one checked."""

program = spec(PROGRAM).given(CREATED, drafted(TERMS))


def test_a_program_is_created_with_its_first_draft() -> None:
    """It is set up, and nothing is in force."""
    created = (
        spec(PROGRAM)
        .when(CREATE)
        .then(ProgramCreated("club", "The Club", "CHF", "Europe/Zurich", NOON), ProgramDrafted(TERMS, NOON))
    )
    assert Program("club", "The Club", "CHF", "Europe/Zurich", TERMS, [], [], 2) == created.state()


def test_a_program_is_created_once() -> None:
    """A second one with the same id is refused, even with other terms, and before its terms are looked at."""
    other = msgspec.structs.replace(CREATE, name="Another", terms=RICHER)
    broken = msgspec.structs.replace(CREATE, terms=CONTRADICTIONS[0][0])
    for command in (CREATE, other, broken):
        program.when(command).refuses(ProgramExists, pointer="/program_id")


@pytest.mark.parametrize("command", [draft(TERMS), draft(CONTRADICTIONS[0][0]), publish(APRIL)])
def test_nothing_else_is_done_before_the_program_exists(command: msgspec.Struct) -> None:
    """That it is missing is told first."""
    spec(PROGRAM).when(command).refuses(UnknownProgram, pointer=None)


def test_a_draft_replaces_the_one_before() -> None:
    """There is one draft at a time."""
    after = program.when(draft(RICHER)).then(drafted(RICHER))
    assert after.state().draft == RICHER


def test_the_same_draft_again_changes_nothing() -> None:
    """Equal terms are the same draft, however they were built."""
    program.when(draft(msgspec.json.decode(msgspec.json.encode(TERMS), type=Terms))).then()


def test_published_terms_can_be_drafted_again() -> None:
    """Publishing used the draft up, so writing the same terms down is a new draft."""
    program.given(published(1, JANUARY, TERMS)).when(draft(TERMS)).then(drafted(TERMS))


@pytest.mark.parametrize(("terms", "pointer"), CONTRADICTIONS)
def test_terms_that_contradict_themselves_are_refused(terms: Terms, pointer: str) -> None:
    """In a first draft and in a later one, with the place at fault."""
    spec(PROGRAM).when(msgspec.structs.replace(CREATE, terms=terms)).refuses(InvalidInput, pointer=pointer)
    program.when(draft(terms)).refuses(InvalidInput, pointer=pointer)


@pytest.mark.parametrize(
    "terms",
    [
        Terms((POINTS,), EARN),
        Terms((STATUS,), EarnRule("1", "status")),
        Terms((POINTS, MILES), EARN, BurnRule("1", "miles")),
        Terms((STATUS, POINTS), EarnRule("1", "status"), BURN),
    ],
)
def test_terms_that_agree_with_themselves_are_drafted(terms: Terms) -> None:
    """Without burning, with points only for status, and with earning and burning in different points."""
    program.when(draft(terms)).then(drafted(terms))


def test_a_creation_in_the_middle_changes_nothing() -> None:
    """A fold takes every recorded fact, also one that the decider would not have let through."""
    assert msgspec.structs.replace(program.state(), revision=3) == program.given(CREATED).state()


def test_a_program_begins_with_its_creation() -> None:
    """Anything else at the front is a damaged stream, and is not read as if it were none."""
    with pytest.raises(AssertionError):
        evolve(None, drafted(TERMS))


def test_what_is_no_command_or_event_is_a_bug_and_not_a_refusal() -> None:
    """The type checker sees to it that nobody asks."""
    with pytest.raises(AssertionError, match="unreachable"):
        decide(program.state(), object())  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="unreachable"):
        evolve(program.state(), object())  # type: ignore[arg-type]
