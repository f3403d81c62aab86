"""Programs as they are shown."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec
from fastapi import Request
from msgspec import Struct
from starlette.responses import Response

from api.etags import etag, tagged
from api.resources import Resources
from api.terms import TermsBody, written_terms
from ledger.program.state import Program, ProgramVersion
from ledger.program.terms import Terms

Status = Literal["past", "in_force", "scheduled", "withdrawn"]


class VersionView(Struct, frozen=True):
    """A published version."""

    version: int
    effective_from: datetime
    terms: TermsBody
    published_at: datetime | None = None
    published_by: str | None = None


class ProgramView(Struct, frozen=True):
    """A program, its draft, and all its versions."""

    program_id: str
    name: str
    currency: str
    timezone: str
    draft: TermsBody | None
    versions: list[VersionView]


class ProgramLine(Struct, frozen=True):
    """A program in a list."""

    program_id: str
    name: str
    currency: str
    timezone: str
    version_in_force: int | None
    scheduled: list[int]
    """Versions that are published and not in force yet."""
    has_draft: bool
    etag: str


class VersionLine(Struct, frozen=True):
    """A version in a list: where it stands now."""

    version: int
    status: Status
    effective_from: datetime
    effective_until: datetime | None
    """When the next version takes over; null for the last one, and for one that was withdrawn."""
    published_at: datetime | None
    published_by: str | None
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    details: str


def program_view(program: Program) -> ProgramView:
    """Return a program with its draft and versions."""
    return ProgramView(
        program.program_id,
        program.name,
        program.currency,
        program.timezone,
        written_terms(program.draft) if program.draft else None,
        [version_view(one) for one in program.versions],
    )


def version_view(version: ProgramVersion) -> VersionView:
    """Return a version with its terms."""
    terms = written_terms(version.terms)
    return VersionView(version.version, version.effective_from, terms, version.published_at, version.by or None)


def program_line(program: Program, now: datetime) -> ProgramLine:
    """Return a program as it stands in a list."""
    in_force = program.version_at(now)
    return ProgramLine(
        program.program_id,
        program.name,
        program.currency,
        program.timezone,
        in_force.version if in_force else None,
        [one.version for one in program.versions if one.effective_from > now],
        program.draft is not None,
        etag(program),
    )


def version_lines(program: Program, now: datetime) -> list[VersionLine]:
    """Return every version there ever was, with where it stands."""
    in_force = program.version_at(now)
    ends = [one.effective_from for one in program.versions[1:]]
    lines = [
        _line(program, one, _status(one, in_force, now), until)
        for one, until in zip(program.versions, [*ends, None], strict=True)
    ]
    lines += [_line(program, one, "withdrawn", None) for one in program.withdrawn]
    return sorted(lines, key=lambda line: line.version)


def _status(version: ProgramVersion, in_force: ProgramVersion | None, now: datetime) -> Status:
    if version is in_force:
        return "in_force"
    return "scheduled" if version.effective_from > now else "past"


def _line(program: Program, version: ProgramVersion, status: Status, until: datetime | None) -> VersionLine:
    return VersionLine(
        version.version,
        status,
        version.effective_from,
        until,
        version.published_at,
        version.by or None,
        version.withdrawn_at,
        version.withdrawn_by or None,
        f"/v1/programs/{program.program_id}/versions/{version.version}",
    )


def terms_json(terms: Terms | None) -> dict[str, Any]:
    """Return terms as JSON, with numbers that lose no digit; none are an empty object."""
    if terms is None:
        return {}
    decoder: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
    return decoder.decode(msgspec.json.encode(written_terms(terms)))


def terms_in_force(program: Program) -> Terms | None:
    """Return what prices now, if anything does."""
    version = program.version_at(datetime.now(UTC))
    return version.terms if version else None


def program_response(
    request: Request, found: Resources, program_id: str, status: int = 200, *, replayed: bool = False
) -> Response:
    """Answer with a program as it is now."""
    program = found.fresh_program(program_id)
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    return tagged(request, program_view(program), etag(program), status, headers)
