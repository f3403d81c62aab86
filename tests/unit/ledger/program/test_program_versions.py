from datetime import UTC, datetime, timedelta, timezone

import pytest

from ledger.program.decide import NothingToPublish, VersionOutOfOrder
from ledger.program.state import Program, ProgramVersion
from ledger.streams import PROGRAM
from tests.spec import spec
from tests.unit.ledger.program.facts import (
    APRIL,
    CREATED,
    JANUARY,
    JULY,
    NOON,
    RICHER,
    TERMS,
    draft,
    drafted,
    publish,
    published,
)

MICROSECOND = timedelta(microseconds=1)

program = spec(PROGRAM).given(CREATED, drafted(TERMS))
in_force = program.given(published(1, JANUARY, TERMS), drafted(RICHER), published(2, APRIL, RICHER))


def test_publishing_turns_the_draft_into_a_version() -> None:
    """The draft is used up."""
    after = program.when(publish(JANUARY)).then(published(1, JANUARY, TERMS))
    assert (
        Program(
            "club",
            "The Club",
            "CHF",
            "Europe/Zurich",
            None,
            [ProgramVersion(1, JANUARY, TERMS, NOON)],
            revision=3,
        )
        == after.state()
    )


def test_versions_are_numbered_without_gaps() -> None:
    """The newest draft is what each of them publishes."""
    after = (
        program.when(publish(JANUARY))
        .then(published(1, JANUARY, TERMS))
        .when(draft(TERMS))
        .then(drafted(TERMS))
        .when(draft(RICHER))
        .then(drafted(RICHER))
        .when(publish(APRIL))
        .then(published(2, APRIL, RICHER))
        .when(draft(TERMS))
        .then(drafted(TERMS))
        .when(publish(JULY))
        .then(published(3, JULY, TERMS))
    )
    assert [version.version for version in after.state().versions] == [1, 2, 3]


def test_without_a_draft_there_is_nothing_to_publish() -> None:
    """Not even a second time, and not out of order either."""
    for effective_from in (JULY, APRIL, JANUARY):
        in_force.when(publish(effective_from)).refuses(NothingToPublish, pointer=None)


@pytest.mark.parametrize("effective_from", [APRIL, APRIL - MICROSECOND, JANUARY, JANUARY - MICROSECOND])
def test_a_version_takes_effect_after_the_one_before(effective_from: datetime) -> None:
    """Neither at the same moment nor before it."""
    in_force.given(drafted(TERMS)).when(publish(effective_from)).refuses(VersionOutOfOrder, pointer="/effective_from")


def test_a_microsecond_later_is_after() -> None:
    """That is the finest difference the ledger knows."""
    soon = APRIL + MICROSECOND
    in_force.given(drafted(TERMS)).when(publish(soon)).then(published(3, soon, TERMS))


def test_moments_are_compared_as_instants() -> None:
    """The zone in which a moment is written makes no difference."""
    bangkok = timezone(timedelta(hours=7))
    same = APRIL.astimezone(bangkok)
    in_force.given(drafted(TERMS)).when(publish(same)).refuses(VersionOutOfOrder)
    assert in_force.state().version_at(same).version == 2
    assert in_force.state().version_at(same - MICROSECOND).version == 1


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        (datetime.min.replace(tzinfo=UTC), None),
        (JANUARY - MICROSECOND, None),
        (JANUARY, 1),
        (APRIL - MICROSECOND, 1),
        (APRIL, 2),
        (APRIL + MICROSECOND, 2),
        (datetime.max.replace(tzinfo=UTC), 2),
    ],
)
def test_a_version_holds_from_its_moment_until_the_next(instant: datetime, expected: int | None) -> None:
    """The first instant is in; before the first version nothing holds."""
    version = in_force.state().version_at(instant)
    assert expected == (version and version.version)


def test_the_version_in_force_carries_the_terms_it_published() -> None:
    """A later draft does not touch them."""
    state = in_force.given(drafted(TERMS)).state()
    assert state.version_at(JANUARY).terms == TERMS
    assert state.version_at(APRIL).terms == RICHER


def test_a_program_that_published_nothing_has_no_version() -> None:
    """A draft is not in force."""
    assert program.state().version_at(JULY) is None
