"""Through which partner a member joins."""

import pytest

from api.access.caller import Caller
from api.members import _partner
from api.problems import Forbidden
from ledger.access.roles import Action

OWN = Caller("key:a", "a", frozenset(Action))
BAKERY = Caller("key:b", "b", frozenset(Action), partners=("bakery", "kiosk"))


@pytest.mark.parametrize(
    ("caller", "wanted", "partner"),
    [(OWN, None, None), (OWN, "bakery", "bakery"), (BAKERY, None, "bakery"), (BAKERY, "kiosk", "kiosk")],
)
def test_a_key_of_partners_enrols_for_one_of_them(caller: Caller, wanted: str | None, partner: str | None) -> None:
    """For the first, unless told otherwise; a key of the program for whomever it says."""
    assert _partner(caller, wanted) == partner


def test_a_partner_enrols_for_no_other() -> None:
    """Or it would see members that are not its own."""
    with pytest.raises(Forbidden):
        _partner(BAKERY, "butcher")
