"""Refusals as RFC 9457 problem details: the only place that knows which refusal has which HTTP status."""

import random
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

from api.noting import note, request_id
from ledger.access import errors as access
from ledger.account import errors as account
from ledger.approval import decide as approval
from ledger.archive.cold import ArchiveAway
from ledger.audit import errors as audit
from ledger.bookkeeping import decide as bookkeeping
from ledger.errors import InvalidInput, LedgerError
from ledger.members.directory import IdentifierTaken, UnknownMember
from ledger.members.errors import MemberErased, MemberMerged, ProfileChanged, UnknownIdentifier
from ledger.money import InvalidAmount, UnknownCurrency
from ledger.pool import decide as pool
from ledger.posting.instruction import KeyReused, LedgerBusy, LedgerUnavailable, NotCarriedOut
from ledger.program import decide as program
from models.errors import TooLittleHistory
from projections.analytics.dictionary import UnknownView
from projections.books.proposals import UnknownProposal
from projections.webhooks.endpoints import TooManyWebhooks, UnknownWebhook
from projections.webhooks.log import UnknownDelivery
from projections.webhooks.targets import TargetRefused
from rules.errors import (
    AccountChanged,
    AmountRequired,
    BelowMinimum,
    CurrencyMismatch,
    HoldTooLong,
    NotInSteps,
    NotRedeemable,
    NotTransferable,
    NoVersionInForce,
    OccurredInFuture,
    PoolChanged,
    ReturnExceedsPurchase,
    ShareExceeded,
    TransferLimitReached,
    UnknownLine,
    UnknownPointCurrency,
    UnknownPurchase,
    UnknownReason,
    UnknownTier,
)
from rules.evaluate import InvalidFacts
from rules.pricing.attributes import InvalidAttributes
from rules.problems import InvalidRule

TYPE_PREFIX = "urn:khaywe:problem:"
MEDIA_TYPE = "application/problem+json"


class Unauthorized(LedgerError):
    """The request carries no valid API key."""

    slug = "unauthorized"


class Forbidden(LedgerError):
    """The caller is known, and may not do this."""

    slug = "forbidden"


class SignInFailed(LedgerError):
    """Nobody comes in with this address and this password."""

    slug = "sign-in-failed"


class CrossSiteRequest(LedgerError):
    """Another site sent this with the cookie of a session."""

    slug = "cross-site-request"


class RateLimited(LedgerError):
    """These are more requests than the caller may make."""

    slug = "rate-limited"


class BodyTooLarge(LedgerError):
    """The body is larger than this operation takes."""

    slug = "body-too-large"


class BodyStalled(LedgerError):
    """The body stopped arriving before it was complete."""

    slug = "body-stalled"


class MalformedBody(LedgerError):
    """The body is not JSON."""

    slug = "malformed-body"


class UnsupportedMediaType(LedgerError):
    """The operation does not take this kind of body."""

    slug = "unsupported-media-type"


class NoSuchResource(LedgerError):
    """There is nothing at this address."""

    slug = "no-such-resource"


class MethodNotAllowed(LedgerError):
    """The resource does not have this method."""

    slug = "method-not-allowed"


class RequestTimeout(LedgerError):
    """The request did not arrive in time."""

    slug = "request-timeout"


class MalformedRequest(LedgerError):
    """What was sent is no HTTP request."""

    slug = "malformed-request"


class HeadersTooLarge(LedgerError):
    """The headers of the request are larger than any that are needed."""

    slug = "headers-too-large"


class ViewBehind(LedgerError):
    """The view has not reached the position that was asked for."""

    slug = "view-behind"


class UnknownBatch(LedgerError):
    """The program has no batch of this id."""

    slug = "unknown-batch"


class UnknownWhatIf(LedgerError):
    """There is no such what-if."""

    slug = "unknown-what-if"


class UnknownRepair(LedgerError):
    """The what-if has no such repair."""

    slug = "unknown-repair"


class WhatIfUnfinished(LedgerError):
    """The what-if has not come to its end."""

    slug = "what-if-unfinished"


class NothingToRepair(LedgerError):
    """The what-if found nothing of this kind to repair."""

    slug = "nothing-to-repair"


class BatchEnded(LedgerError):
    """The batch was carried out, so it can no longer be cancelled."""

    slug = "batch-ended"


class BatchItemsDeleted(LedgerError):
    """The items of the batch were deleted some weeks after it ended."""

    slug = "batch-items-deleted"


class InternalError(LedgerError):
    """Something went wrong on our side."""

    slug = "internal-error"


STATUS: dict[type[LedgerError], HTTPStatus] = {
    MalformedRequest: HTTPStatus.BAD_REQUEST,
    MalformedBody: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    SignInFailed: HTTPStatus.UNAUTHORIZED,
    CrossSiteRequest: HTTPStatus.FORBIDDEN,
    access.GrantExceeded: HTTPStatus.FORBIDDEN,
    Forbidden: HTTPStatus.FORBIDDEN,
    NoSuchResource: HTTPStatus.NOT_FOUND,
    program.UnknownProgram: HTTPStatus.NOT_FOUND,
    UnknownMember: HTTPStatus.NOT_FOUND,
    UnknownIdentifier: HTTPStatus.NOT_FOUND,
    program.UnknownVersion: HTTPStatus.NOT_FOUND,
    UnknownPurchase: HTTPStatus.NOT_FOUND,
    account.UnknownRedemption: HTTPStatus.NOT_FOUND,
    account.UnknownHold: HTTPStatus.NOT_FOUND,
    UnknownLine: HTTPStatus.NOT_FOUND,
    approval.UnknownApproval: HTTPStatus.NOT_FOUND,
    pool.UnknownPool: HTTPStatus.NOT_FOUND,
    access.UnknownKey: HTTPStatus.NOT_FOUND,
    access.UnknownUser: HTTPStatus.NOT_FOUND,
    UnknownWebhook: HTTPStatus.NOT_FOUND,
    UnknownDelivery: HTTPStatus.NOT_FOUND,
    audit.UnknownCheckpoint: HTTPStatus.NOT_FOUND,
    audit.NotInCheckpoint: HTTPStatus.CONFLICT,
    audit.LedgerNotWhole: HTTPStatus.CONFLICT,
    UnknownBatch: HTTPStatus.NOT_FOUND,
    UnknownWhatIf: HTTPStatus.NOT_FOUND,
    UnknownRepair: HTTPStatus.NOT_FOUND,
    UnknownView: HTTPStatus.NOT_FOUND,
    UnknownProposal: HTTPStatus.NOT_FOUND,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    RequestTimeout: HTTPStatus.REQUEST_TIMEOUT,
    account.AccountNotOpen: HTTPStatus.CONFLICT,
    account.InsufficientPoints: HTTPStatus.CONFLICT,
    account.RedemptionExists: HTTPStatus.CONFLICT,
    account.RedemptionAlreadyReversed: HTTPStatus.CONFLICT,
    account.AccountSuspended: HTTPStatus.CONFLICT,
    account.AccountClosed: HTTPStatus.CONFLICT,
    account.HoldExists: HTTPStatus.CONFLICT,
    account.HoldResolved: HTTPStatus.CONFLICT,
    account.HoldsOpen: HTTPStatus.CONFLICT,
    account.CaptureExceedsHold: HTTPStatus.CONFLICT,
    account.NothingAwaits: HTTPStatus.CONFLICT,
    account.AlreadySuspended: HTTPStatus.CONFLICT,
    account.NotSuspended: HTTPStatus.CONFLICT,
    account.PointsOwed: HTTPStatus.CONFLICT,
    ReturnExceedsPurchase: HTTPStatus.CONFLICT,
    NotTransferable: HTTPStatus.CONFLICT,
    PoolChanged: HTTPStatus.CONFLICT,
    pool.PoolExists: HTTPStatus.CONFLICT,
    TransferLimitReached: HTTPStatus.CONFLICT,
    program.ProgramExists: HTTPStatus.CONFLICT,
    program.NothingToPublish: HTTPStatus.CONFLICT,
    program.VersionOutOfOrder: HTTPStatus.CONFLICT,
    program.VersionInForce: HTTPStatus.CONFLICT,
    program.ProgramDiffers: HTTPStatus.CONFLICT,
    IdentifierTaken: HTTPStatus.CONFLICT,
    MemberMerged: HTTPStatus.CONFLICT,
    NoVersionInForce: HTTPStatus.CONFLICT,
    NotRedeemable: HTTPStatus.CONFLICT,
    BelowMinimum: HTTPStatus.CONFLICT,
    NotInSteps: HTTPStatus.CONFLICT,
    ShareExceeded: HTTPStatus.CONFLICT,
    NotCarriedOut: HTTPStatus.CONFLICT,
    approval.ApprovalNeeded: HTTPStatus.CONFLICT,
    approval.ApprovalDecided: HTTPStatus.CONFLICT,
    bookkeeping.BooksNotSetUp: HTTPStatus.CONFLICT,
    bookkeeping.PeriodIsClosed: HTTPStatus.CONFLICT,
    bookkeeping.PeriodNotNext: HTTPStatus.CONFLICT,
    bookkeeping.PeriodNotOver: HTTPStatus.CONFLICT,
    bookkeeping.PeriodNotClosed: HTTPStatus.CONFLICT,
    bookkeeping.BooksChanged: HTTPStatus.CONFLICT,
    bookkeeping.StaleProposal: HTTPStatus.CONFLICT,
    TooLittleHistory: HTTPStatus.CONFLICT,
    approval.SecondPersonNeeded: HTTPStatus.FORBIDDEN,
    access.UserExists: HTTPStatus.CONFLICT,
    access.KeyNotInForce: HTTPStatus.CONFLICT,
    MemberErased: HTTPStatus.GONE,
    ProfileChanged: HTTPStatus.PRECONDITION_FAILED,
    TooManyWebhooks: HTTPStatus.CONFLICT,
    program.StaleVersion: HTTPStatus.PRECONDITION_FAILED,
    BatchEnded: HTTPStatus.CONFLICT,
    WhatIfUnfinished: HTTPStatus.CONFLICT,
    NothingToRepair: HTTPStatus.CONFLICT,
    AccountChanged: HTTPStatus.CONFLICT,
    BatchItemsDeleted: HTTPStatus.GONE,
    BodyStalled: HTTPStatus.REQUEST_TIMEOUT,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidRule: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidFacts: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidAmount: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownCurrency: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownPointCurrency: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidAttributes: HTTPStatus.UNPROCESSABLE_ENTITY,
    AmountRequired: HTTPStatus.UNPROCESSABLE_ENTITY,
    CurrencyMismatch: HTTPStatus.UNPROCESSABLE_ENTITY,
    OccurredInFuture: HTTPStatus.UNPROCESSABLE_ENTITY,
    account.InvalidPoints: HTTPStatus.UNPROCESSABLE_ENTITY,
    account.InvalidExpiry: HTTPStatus.UNPROCESSABLE_ENTITY,
    account.SameAccount: HTTPStatus.UNPROCESSABLE_ENTITY,
    HoldTooLong: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownReason: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownTier: HTTPStatus.UNPROCESSABLE_ENTITY,
    pool.InvalidPool: HTTPStatus.UNPROCESSABLE_ENTITY,
    access.InvalidGrant: HTTPStatus.UNPROCESSABLE_ENTITY,
    access.InvalidPassword: HTTPStatus.UNPROCESSABLE_ENTITY,
    TargetRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    HeadersTooLarge: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
    LedgerBusy: HTTPStatus.SERVICE_UNAVAILABLE,
    LedgerUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    ArchiveAway: HTTPStatus.SERVICE_UNAVAILABLE,
    ViewBehind: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status of every refusal. A test keeps it complete."""

RETRY_AFTER_S = (1, 3)
"""Whole seconds, the least and the most: drawn for each answer, so that all who were refused together do not come back
together."""


def problem(refusal: LedgerError, instance: str | None = None) -> dict[str, Any]:
    """Return the problem details of a refusal, ready for JSON."""
    details = _details(type(refusal), refusal.detail)
    if instance is not None:
        details["instance"] = instance
    if refusal.pointer is not None:
        details["pointer"] = refusal.pointer
    return details | refusal.members


def problem_example(refusal: type[LedgerError]) -> dict[str, Any]:
    """Return problem details as they look for a kind of refusal, with what all of them have."""
    return _details(refusal, f"{refusal.title()}.")


def told_problem(slug: str, detail: str, pointer: str | None, members: dict[str, Any]) -> dict[str, Any]:
    """Return the problem details of a refusal that was written down; its slug is one of ours."""
    details = _details(next(refusal for refusal in STATUS if refusal.slug == slug), detail)
    if pointer is not None:
        details["pointer"] = pointer
    return details | members


def _details(refusal: type[LedgerError], detail: str) -> dict[str, Any]:
    return {
        "type": TYPE_PREFIX + refusal.slug,
        "title": refusal.title(),
        "status": STATUS[refusal].value,
        "detail": detail,
    }


def problem_response(refusal: LedgerError, instance: str | None = None) -> Response:
    """Return the HTTP answer to a refusal."""
    status = STATUS[type(refusal)]
    details = problem(refusal, instance)
    note(slug=refusal.slug)
    headers = {}
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        details["request_id"] = request_id()
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = str(refusal.members.get("retry_after_s", 1))
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(random.randint(*RETRY_AFTER_S))  # noqa: S311  # spreads load, guards nothing
    if status is HTTPStatus.REQUEST_TIMEOUT:
        headers["Connection"] = "close"  # what may still come of this request must not be read as the next one
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(msgspec.json.encode(details), status, headers, MEDIA_TYPE)


def problem_bytes(refusal: LedgerError) -> tuple[int, bytes]:
    """Return status and body, for who answers without the application."""
    return STATUS[type(refusal)].value, msgspec.json.encode(problem(refusal))
