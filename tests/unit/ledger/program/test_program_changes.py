"""Discarding, restoring, importing and withdrawing; and what two editors do to each other."""

from datetime import timedelta

import msgspec
import pytest

from ledger.errors import InvalidInput
from ledger.program.decide import (
    DiscardDraft,
    DraftProgram,
    ImportProgram,
    ProgramDiffers,
    PublishProgram,
    RestoreVersion,
    StaleVersion,
    UnknownProgram,
    UnknownVersion,
    VersionInForce,
    WithdrawVersion,
)
from ledger.program.events import (
    ProgramCreated,
    ProgramDraftDiscarded,
    ProgramDrafted,
    ProgramPublished,
    ProgramVersionWithdrawn,
)
from ledger.program.terms import PointCurrency
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

program = spec(PROGRAM).given(CREATED, drafted(TERMS))
scheduled = program.given(published(1, JANUARY, TERMS), drafted(RICHER), published(2, APRIL, RICHER))
IMPORT = ImportProgram("club", "The Club", "CHF", "Europe/Zurich", RICHER, "sha256:1", NOON, "key:a")
EDITS = [
    DraftProgram(RICHER, NOON, expected=(1,)),
    msgspec.structs.replace(IMPORT, expected=(1,)),
    DiscardDraft(NOON, expected=(1,)),
    PublishProgram(APRIL, NOON, expected=()),
]


def test_a_discarded_draft_is_gone() -> None:
    """There is nothing to publish then; discarding again changes nothing."""
    after = program.when(DiscardDraft(NOON, "key:a")).then(ProgramDraftDiscarded(NOON, "key:a"))
    assert after.state().draft is None
    after.when(DiscardDraft(NOON)).then()


def test_restoring_drafts_the_terms_of_an_earlier_version() -> None:
    """What was published stays; restored twice, nothing more changes."""
    command = RestoreVersion(1, NOON, "user:u")
    after = scheduled.when(command).then(ProgramDrafted(TERMS, NOON, "user:u", restores=1))
    assert [one.version for one in after.state().versions] == [1, 2]
    after.when(command).then()
    scheduled.when(RestoreVersion(3, NOON)).refuses(UnknownVersion, pointer="/version")


def test_restoring_does_not_change_what_a_point_is() -> None:
    """A scale that was published since cannot be taken back either."""
    terms = msgspec.structs.replace(TERMS, point_currencies=(PointCurrency("points", "Points", scale=2),))
    program.given(published(1, JANUARY, TERMS)).when(draft(terms)).refuses(
        InvalidInput, pointer="/terms/point_currencies/0/scale"
    )


def test_a_scheduled_version_is_withdrawn() -> None:
    """Nothing is in force by it, its number is not used again, its terms can still be restored."""
    command = WithdrawVersion(2, NOON, NOON, "key:a")
    after = scheduled.when(command).then(ProgramVersionWithdrawn(2, NOON, "key:a"))
    state = after.state()
    assert state.version_at(JULY).version == 1
    assert (state.withdrawn[0].version, state.withdrawn[0].withdrawn_by, state.next_number) == (2, "key:a", 3)
    after.when(command).then()
    again = after.when(RestoreVersion(2, NOON)).then(ProgramDrafted(RICHER, NOON, restores=2))
    again.when(publish(APRIL)).then(published(3, APRIL, RICHER))


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(seconds=1)])
def test_a_version_that_may_have_priced_something_stays(ahead: timedelta) -> None:
    """To the very moment at which it takes effect."""
    scheduled.when(WithdrawVersion(2, APRIL + ahead, NOON)).refuses(VersionInForce)
    scheduled.when(WithdrawVersion(1, NOON, NOON)).refuses(VersionInForce)
    scheduled.when(WithdrawVersion(9, NOON, NOON)).refuses(UnknownVersion)


def test_a_version_between_others_can_be_withdrawn() -> None:
    """The one after it follows the one before it."""
    three = scheduled.given(drafted(TERMS), published(3, JULY, TERMS))
    state = three.when(WithdrawVersion(2, NOON, NOON)).then(ProgramVersionWithdrawn(2, NOON)).state()
    assert [one.version for one in state.versions] == [1, 3]
    assert state.version_at(JULY - timedelta(days=1)).version == 1


@pytest.mark.parametrize("command", EDITS)
def test_who_has_not_seen_the_newest_state_changes_nothing(command: msgspec.Struct) -> None:
    """The refusal says where the program is."""
    program.when(command).refuses(StaleVersion, pointer="/If-Match", current=2)


def test_one_of_the_expected_versions_is_enough() -> None:
    """As If-Match allows."""
    program.when(DraftProgram(RICHER, NOON, expected=(1, 2))).then(drafted(RICHER))


def test_what_is_so_already_is_not_stale() -> None:
    """A request sent again after its answer was lost is done."""
    program.when(DraftProgram(TERMS, NOON, expected=(1,))).then()


def test_the_revision_is_the_version_of_the_stream() -> None:
    """It counts every event."""
    assert [spec(PROGRAM).given(*scheduled.events[:count]).state().revision for count in range(1, 6)] == [1, 2, 3, 4, 5]


def test_importing_creates_a_program_or_replaces_its_draft() -> None:
    """The same document twice changes nothing."""
    created = spec(PROGRAM).when(IMPORT)
    after = created.then(
        ProgramCreated("club", "The Club", "CHF", "Europe/Zurich", NOON, "key:a"),
        ProgramDrafted(RICHER, NOON, "key:a", imported="sha256:1"),
    )
    after.when(IMPORT).then()
    program.when(IMPORT).then(ProgramDrafted(RICHER, NOON, "key:a", imported="sha256:1"))


def test_importing_what_counts_otherwise_is_refused() -> None:
    """Money and calendar of a program never change; nor does it exist if a version of it was expected."""
    for name, value in (("currency", "EUR"), ("timezone", "UTC")):
        other = msgspec.structs.replace(IMPORT, **{name: value})
        program.when(other).refuses(ProgramDiffers, pointer=f"/program/{name}")
    spec(PROGRAM).when(msgspec.structs.replace(IMPORT, expected=(1,))).refuses(StaleVersion, current=None)


@pytest.mark.parametrize("command", [DiscardDraft(NOON), RestoreVersion(1, NOON), WithdrawVersion(1, NOON, NOON)])
def test_a_program_that_is_not_there_is_not_changed(command: msgspec.Struct) -> None:
    """That it is missing is told first."""
    spec(PROGRAM).when(command).refuses(UnknownProgram)


def test_who_published_is_remembered() -> None:
    """In the version and in the event."""
    event = ProgramPublished(1, JANUARY, TERMS, NOON, "user:u")
    state = program.when(PublishProgram(JANUARY, NOON, "user:u", (2,))).then(event).state()
    assert (state.versions[0].by, state.versions[0].published_at) == ("user:u", NOON)
