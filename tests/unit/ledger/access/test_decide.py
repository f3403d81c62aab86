"""What may be decided about keys and users."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.access.decide import (
    AddUser,
    ChangeUser,
    IssueKey,
    RevokeKey,
    SetKeyExpiry,
    actions_of,
    check_grant,
    decide,
)
from ledger.access.errors import InvalidGrant, KeyNotInForce, UnknownKey, UnknownUser
from ledger.access.events import Grant, KeyExpirySet, KeyRevoked, UserDisabled, UserGranted
from ledger.access.roles import ALLOWED, Action, Role
from ledger.access.state import Principal, evolve

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)
POS = Grant("pos")


def folded(*commands: object) -> Principal | None:
    """Return the principal after some commands."""
    principal = None
    for command in commands:
        for event in decide(principal, command):  # type: ignore[arg-type]  # commands of the tests
            principal = evolve(principal, event)
    return principal


def issued(expires_at: datetime | None = None) -> Principal | None:
    """Return a key that was issued."""
    return folded(IssueKey("key:k", POS, "cli", NOON, expires_at))


def test_a_key_is_revoked_once() -> None:
    """The second time there is nothing to record."""
    key = issued()
    assert decide(key, RevokeKey("cli", NOON)) == [KeyRevoked("key:k", "cli", NOON)]
    assert decide(folded(IssueKey("key:k", POS, "cli", NOON), RevokeKey("cli", NOON)), RevokeKey("cli", LATER)) == []
    with pytest.raises(UnknownKey):
        decide(None, RevokeKey("cli", NOON))


def test_a_key_ends_earlier_and_never_later() -> None:
    """An overlap does not prolong a key that ends before it."""
    assert decide(issued(), SetKeyExpiry(LATER, "cli", NOON)) == [KeyExpirySet("key:k", LATER, "cli", NOON)]
    assert decide(issued(LATER), SetKeyExpiry(LATER + timedelta(days=1), "cli", NOON)) == []
    assert decide(issued(LATER), SetKeyExpiry(NOON, "cli", NOON)) == [KeyExpirySet("key:k", NOON, "cli", NOON)]


def test_nothing_takes_over_from_a_key_that_ended() -> None:
    """Neither from a revoked one nor from one whose time is up."""
    revoked = folded(IssueKey("key:k", POS, "cli", NOON), RevokeKey("cli", NOON))
    for key, at in ((revoked, NOON), (issued(LATER), LATER)):
        with pytest.raises(KeyNotInForce):
            decide(key, SetKeyExpiry(LATER, "cli", at))


def test_a_user_is_changed_by_what_is_different() -> None:
    """Nothing is recorded where nothing changes."""
    user = folded(AddUser("user:u", POS, "cli", NOON))
    assert decide(user, ChangeUser(POS, is_enabled=True, by="cli", occurred_at=NOON)) == []
    finance = Grant("finance")
    assert decide(user, ChangeUser(finance, is_enabled=False, by="cli", occurred_at=NOON)) == [
        UserGranted("user:u", finance, "cli", NOON),
        UserDisabled("user:u", "cli", NOON),
    ]
    with pytest.raises(UnknownUser):
        decide(None, ChangeUser(POS, is_enabled=True, by="cli", occurred_at=NOON))


@pytest.mark.parametrize(
    ("grant", "pointer"),
    [
        (Grant("boss"), "/role"),
        (Grant("pos", ("purchases:post", "points:adjust")), "/actions/1"),
        (Grant("pos", ("fly",)), "/actions/0"),
        (Grant("partner"), "/partners"),
    ],
)
def test_grants_that_make_no_sense_are_refused(grant: Grant, pointer: str) -> None:
    """With the place."""
    with pytest.raises(InvalidGrant) as refused:
        check_grant(grant)
    assert refused.value.pointer == pointer


def test_a_grant_narrows_its_role_and_never_widens_it() -> None:
    """Without actions it is the whole role."""
    assert actions_of(POS) == ALLOWED[Role.POS]
    assert actions_of(Grant("pos", ("purchases:post",))) == {Action.POST_PURCHASES}
    assert actions_of(Grant("pos", ("points:adjust",))) == frozenset()


def test_only_admins_hand_out_access() -> None:
    """And erase members, and run jobs."""
    for action in (Action.WRITE_ACCESS, Action.ERASE, Action.RUN_JOBS, Action.WRITE_WEBHOOKS):
        assert [role for role, actions in ALLOWED.items() if action in actions] == [Role.ADMIN]
