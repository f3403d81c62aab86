from datetime import UTC, date, datetime, timedelta

import pytest

from ledger.errors import InvalidInput
from ledger.members.profile import Address, Consent, Profile, checked, countries, filled, folded, patched, search_keys

TODAY = date(2026, 11, 25)
THEN = datetime(2026, 1, 1, tzinfo=UTC)


def test_countries_are_those_of_the_standard() -> None:
    """As the time zone database lists them."""
    assert {"CH", "DE", "GB", "US", "ZA"} < countries()
    assert not {"XX", "UK", "EU", ""} & countries()
    assert len(countries()) == 249


def test_texts_are_composed_wherever_they_stand() -> None:
    """Down to the lines of an address."""
    typed = Profile(given_name="Zoe\u0308", address=Address(lines=("Zu\u0308richweg",)), attributes={"x": "e\u0301"})
    composed = checked(typed, TODAY)
    assert composed == Profile(
        given_name="Zo\u00eb", address=Address(lines=("Z\u00fcrichweg",)), attributes={"x": "\u00e9"}
    )
    assert checked(composed, TODAY) == composed


def test_whoever_looks_for_somebody_need_not_mind_case_and_width() -> None:
    """Keys are for comparing only."""
    keys = search_keys(
        Profile(given_name="\uff21\uff24\uff21", family_name="Groß", email="A@X.org", phone="+4144000000")
    )
    assert (keys.given, keys.family, keys.email, keys.phone) == ("ada", "gross", "a@x.org", "+4144000000")
    assert folded(None) is None


def test_gaps_are_filled_and_nothing_else() -> None:
    """Of each consent the newer one holds, whoever gave it."""
    old, new = Consent("granted", THEN, "form"), Consent("withdrawn", THEN + timedelta(days=1), "call")
    ours = Profile(given_name="A", attributes={"x": 1}, consents={"email": old, "sms": new})
    theirs = Profile(given_name="B", email="b@x.org", attributes={"x": 2, "y": 3}, consents={"email": new, "sms": old})
    both = filled(ours, theirs)
    assert (both.given_name, both.email, both.attributes) == ("A", "b@x.org", {"x": 1, "y": 3})
    assert both.consents == {"email": new, "sms": new}


def test_a_joined_profile_stays_within_bounds() -> None:
    """What the profile had comes before what the other adds."""
    ours = Profile(attributes={f"a{n}": 1 for n in range(40)})
    both = filled(ours, Profile(attributes={f"b{n}": 2 for n in range(40)}))
    assert len(both.attributes) == 50
    assert ours.attributes.items() <= both.attributes.items()


def test_a_patch_takes_away_what_is_null() -> None:
    """And leaves what it does not name."""
    before = Profile(given_name="A", email="a@x.org", attributes={"x": 1, "y": 2})
    after = patched(before, {"email": None, "attributes": {"x": None, "z": 3}})
    assert after == Profile(given_name="A", attributes={"y": 2, "z": 3})


@pytest.mark.parametrize("born", [date(1879, 12, 31), date(2026, 11, 26)])
def test_nobody_alive_was_born_then(born: date) -> None:
    """Before anybody's time, or tomorrow."""
    with pytest.raises(InvalidInput) as refused:
        checked(Profile(birth_date=born), TODAY, "/profile")
    assert refused.value.pointer == "/profile/birth_date"
