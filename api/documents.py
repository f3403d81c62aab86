"""A whole program as one JSON document: what it is made of, what it hashes to, and how it is read."""

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from api.bodies import decoded
from api.program_views import Status, terms_json, version_lines
from api.terms import TermsBody, taken_terms, written_terms
from ledger.dates import time_zone
from ledger.errors import InvalidInput
from ledger.money import minor_digits
from ledger.program.names import Code
from ledger.program.state import Program

FORMAT: Final = "khaywe.program.v1"

_canonical = msgspec.json.Encoder(order="sorted", decimal_format="number").encode


class DocumentProgram(Struct, frozen=True, forbid_unknown_fields=True):
    """What never changes about a program."""

    program_id: Code
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    currency: Annotated[str, Meta(min_length=3, max_length=3, description="ISO 4217.", examples=["EUR"])]
    timezone: Annotated[str, Meta(max_length=64, examples=["Europe/Zurich"])]


class DocumentVersion(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A version; all but its terms is there to be read by people."""

    version: int
    effective_from: datetime
    terms: TermsBody
    status: Status | None = None
    published_at: datetime | None = None
    published_by: str | None = None


class ProgramDocument(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The configuration of a program. Members, points and keys are no part of it."""

    format: Literal["khaywe.program.v1"]
    program: DocumentProgram
    in_force: DocumentVersion | None
    """The version in force when it was exported."""
    draft: TermsBody | None
    content_hash: Annotated[str, Meta(max_length=100)] = ""
    """SHA-256 over format, settings, terms in force and draft, however they are indented. Checked if it is there: leave
    it out of a document that was changed on purpose."""
    versions: Annotated[tuple[DocumentVersion, ...], Meta(max_length=10_000)] = ()
    """Every version there ever was, for information; importing passes them over."""


_decode = msgspec.json.Decoder(ProgramDocument).decode


def document_of(program: Program, now: datetime, *, with_versions: bool) -> ProgramDocument:
    """
    Return the document of a program. The same configuration always gives the same document.

    Args:
        program: To be written down.
        now: Decides which version is in force.
        with_versions: Also write the others down.
    """
    lines = {line.version: line for line in version_lines(program, now)}
    known = {one.version: one for one in (*program.versions, *program.withdrawn)}
    versions = {
        number: DocumentVersion(
            number,
            one.effective_from,
            written_terms(one.terms),
            lines[number].status,
            one.published_at,
            one.by or None,
        )
        for number, one in sorted(known.items())
    }
    in_force = program.version_at(now)
    document = ProgramDocument(
        FORMAT,
        DocumentProgram(program.program_id, program.name, program.currency, program.timezone),
        versions[in_force.version] if in_force else None,
        written_terms(program.draft) if program.draft else None,
        versions=tuple(versions.values()) if with_versions else (),
    )
    return replace(document, content_hash=content_hash(document))


def read_document(body: bytes) -> ProgramDocument:
    """
    Read a document.

    Raises:
        MalformedBody: It is not JSON.
        InvalidInput: It is another kind of document, or was changed after it was exported.
        UnknownCurrency: Its money is unknown.
    """
    document = decoded(_decode, body)
    minor_digits(document.program.currency)
    time_zone(document.program.timezone)
    if document.content_hash not in ("", content_hash(document)):
        message = "The document was changed after it was exported. If that was on purpose, leave content_hash out."
        raise InvalidInput(message, pointer="/content_hash")
    return document


def checked_id(wanted: str) -> str:
    """
    Return the id under which a document is imported.

    Raises:
        InvalidInput: A program cannot be called so.
    """
    try:
        return msgspec.convert(wanted, Code)
    except msgspec.ValidationError:
        message = "A program's id is lower-case letters, digits, - and _; 1 to 63 characters."
        raise InvalidInput(message, pointer="/program_id") from None


def content_hash(document: ProgramDocument) -> str:
    """Return what a document is recognised by, whatever it is indented like."""
    content: dict[str, Any] = {
        "format": document.format,
        "program": document.program,
        "in_force": _json(document.in_force.terms) if document.in_force else None,
        "draft": _json(document.draft) if document.draft else None,
    }
    return f"sha256:{sha256(_canonical(content)).hexdigest()}"


def chosen(document: ProgramDocument, take: str | None) -> tuple[Literal["in_force", "draft"], TermsBody, str]:
    """
    Return which terms of a document become the draft, with their JSON pointer.

    Args:
        document: As it was read.
        take: ``in_force`` or ``draft``; absent: what is in force, and the draft where nothing is.

    Raises:
        InvalidInput: It has none of these.
    """
    if take not in (None, "in_force", "draft"):
        raise InvalidInput(f"take is in_force or draft, not {take!r}.", pointer="/take")
    if document.in_force is not None and take != "draft":
        return "in_force", document.in_force.terms, "/in_force/terms"
    if document.draft is not None and take != "in_force":
        return "draft", document.draft, "/draft"
    raise InvalidInput("The document holds no such terms.", pointer="/take" if take else "/in_force")


def _json(body: TermsBody) -> dict[str, Any]:
    return terms_json(taken_terms(body, ""))
