"""What may be known about a person, and how it is spelled. Kept in the schema ``members`` and nowhere else."""

import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from ledger.errors import InvalidInput

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Email = Annotated[
    str,
    Meta(max_length=254, pattern=r"^[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+$", examples=["ada@example.org"]),
]
Phone = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}$", description="E.164.", examples=["+41446681800"])]
Country = Annotated[str, Meta(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2.", examples=["CH"])]
Language = Annotated[
    str,
    Meta(
        pattern="^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$",
        description="BCP 47: language, perhaps script, perhaps region.",
        examples=["de-CH"],
    ),
]
Code = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,62}$")]
_EARLIEST_BIRTH = date(1880, 1, 1)


class Address(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where post goes."""

    lines: Annotated[tuple[Name, ...], Meta(max_length=4)] = ()
    postal_code: Annotated[str, Meta(max_length=20)] = ""
    city: Annotated[str, Meta(max_length=100)] = ""
    region: Annotated[str, Meta(max_length=100)] = ""
    country: Country | None = None


class Consent(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a member may be written to on one channel, since when, and who says so."""

    status: Literal["granted", "withdrawn"]
    at: Annotated[datetime, Meta(tz=True)]
    source: Annotated[
        str, Meta(min_length=1, max_length=100, description="Where it was given: a form, a till, a letter.")
    ]


class Profile(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A person. Every field may be absent."""

    given_name: Name | None = None
    family_name: Name | None = None
    email: Email | None = None
    phone: Phone | None = None
    birth_date: date | None = None
    language: Language | None = None
    country: Country | None = None
    address: Address | None = None
    attributes: Annotated[dict[Code, Annotated[str, Meta(max_length=500)] | int | bool], Meta(max_length=50)] = {}
    """Whatever else the program wants to know; decimals and dates as text."""
    consents: Annotated[dict[Code, Consent], Meta(max_length=20)] = {}
    """By channel: ``email``, ``sms``, ``push``, ``post``, …"""


class SearchKeys(Struct, frozen=True):
    """What a profile is found by: folded, so that case and width do not matter."""

    email: str | None
    phone: str | None
    family: str | None
    given: str | None


def search_keys(profile: Profile) -> SearchKeys:
    """Return the keys under which a profile is found."""
    return SearchKeys(folded(profile.email), profile.phone, folded(profile.family_name), folded(profile.given_name))


def folded(text: str | None) -> str | None:
    """Return text in the one spelling that all its spellings share, for comparing only."""
    return None if text is None else unicodedata.normalize("NFKC", text).casefold()


def checked(profile: Profile, on: date, pointer: str = "") -> Profile:
    """
    Return a profile in Unicode's composed form (NFC), so that one name is one text.

    Args:
        profile: As it was sent.
        on: Today, in UTC.
        pointer: Where in the request it stood.

    Raises:
        InvalidInput: It has text that cannot be printed, an unknown country, or a day of birth that cannot be.
    """
    spelled = _composed(msgspec.to_builtins(profile), pointer)
    composed = msgspec.convert(spelled, Profile)
    for at, country in (
        ("/country", composed.country),
        ("/address/country", composed.address and composed.address.country),
    ):
        if country and country not in countries():
            raise InvalidInput("This is no country of ISO 3166-1.", pointer=pointer + at)
    born = composed.birth_date
    if born is not None and not _EARLIEST_BIRTH <= born <= on:
        raise InvalidInput("Nobody alive was born on that day.", pointer=f"{pointer}/birth_date")
    for name, value in composed.attributes.items():
        if isinstance(value, int) and abs(value) > 10**15:
            raise InvalidInput("A number has at most 15 digits.", pointer=f"{pointer}/attributes/{name}")
    return composed


def _composed(value: Any, pointer: str) -> Any:
    if isinstance(value, str):
        if not value.isprintable():
            message = "The text contains a character that cannot be printed; send it without."
            raise InvalidInput(message, pointer=pointer)
        return unicodedata.normalize("NFC", value)
    if isinstance(value, Mapping):
        return {name: _composed(inner, f"{pointer}/{name}") for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_composed(inner, f"{pointer}/{at}") for at, inner in enumerate(value)]
    return value


def patched(profile: Profile, patch: dict[str, Any]) -> Profile:
    """
    Return a profile after a JSON merge patch (RFC 7396): ``null`` takes a field away.

    Raises:
        msgspec.ValidationError: The result is no profile.
    """
    result: Profile = msgspec.convert(_merged(msgspec.to_builtins(profile), patch), Profile)
    return result


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged


def filled(profile: Profile, other: Profile) -> Profile:
    """Return a profile with its gaps filled from another of the same person; of each consent the newer one holds."""
    ours, theirs = msgspec.structs.asdict(profile), msgspec.structs.asdict(other)
    known = {name: value for name, value in ours.items() if value is not None}
    consents = dict(other.consents)
    for channel, consent in profile.consents.items():
        if channel not in consents or consents[channel].at <= consent.at:
            consents[channel] = consent
    attributes = dict(list({**other.attributes, **profile.attributes}.items())[-50:])
    return Profile(**theirs | known | {"attributes": attributes, "consents": dict(list(consents.items())[:20])})


@cache
def countries() -> frozenset[str]:
    """
    Return the codes of ISO 3166-1.

    Source: iso3166.tab of the time zone database, which we need for time zones anyway.
    """
    lines = (resources.files("tzdata.zoneinfo") / "iso3166.tab").read_text("utf-8").splitlines()
    return frozenset(line.split("\t", 1)[0] for line in lines if line and not line.startswith("#"))
