"""Signed checkpoints of the ledger, and proofs of what is in them."""

import re
from datetime import UTC, datetime

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.responses import Response

from api.openapi import CURSOR, LIMIT, operation, path_parameter, query_parameter
from api.paging import as_json, cursor_of, limit_of, token
from api.resources import Resources, resources
from ledger.access.roles import Action
from ledger.audit.checkpoint import Sealed, Tree
from ledger.audit.errors import LedgerNotWhole, NotInCheckpoint, UnknownCheckpoint
from ledger.audit.proving import Prover
from ledger.audit.reading import event_at
from ledger.audit.storing import checkpoint_of, checkpoints, keys_of
from ledger.audit.taking import take_checkpoint
from ledger.errors import InvalidInput
from ledger.posting.instruction import LedgerUnavailable
from ledger.signing import Envelope

router = APIRouter(prefix="/v1/audit", tags=["audit"])

LATEST = "latest"
_POSITION = re.compile(r"([0-9]{1,4}):([0-9]{1,18})")
_NUMBER = {"type": "string", "examples": ["12", LATEST], "default": LATEST}
CHECKPOINT = query_parameter("checkpoint", "Its number; absent: the newest.", _NUMBER)


class CheckpointView(Struct, frozen=True):
    """What the ledger held at a moment."""

    number: int
    taken_at: datetime
    root: str
    """Over all partitions, in hex."""
    previous: str
    """SHA-256 of the signed document of the checkpoint before, in hex; empty for the first."""
    trees: tuple[Tree, ...]
    envelope: Envelope
    """The signed document itself: keep this one, somewhere else."""


class CheckpointPage(Struct, frozen=True):
    """Checkpoints, newest first."""

    checkpoints: list[CheckpointView]
    next_cursor: str | None


class InclusionView(Struct, frozen=True):
    """What proves that an event is in a checkpoint."""

    checkpoint: int
    position: str
    index: int
    """Of the event in the tree of its partition, from 0."""
    size: int
    root: str
    """Of the tree, in hex."""
    previous: str
    """The link of the event before, in hex."""
    row: str
    """The bytes of the event that its link is taken over, in hex."""
    link: str
    """``sha256(previous || row)``, in hex: the entry of the tree."""
    proof: list[str]
    """In hex, from the leaf to the root."""


class TreeProof(Struct, frozen=True):
    """What proves that a partition was only added to."""

    partition: int
    first_size: int
    first_root: str
    second_size: int
    second_root: str
    proof: list[str]


class ConsistencyView(Struct, frozen=True):
    """What proves that one checkpoint has everything that an earlier one had, unchanged."""

    first: int
    second: int
    trees: list[TreeProof]


@router.post(
    "/checkpoints",
    summary="Take a checkpoint",
    **operation(Action.CLOSE_PERIODS, answer=CheckpointView, refusals=[LedgerNotWhole, LedgerUnavailable]),
)
def take(request: Request) -> Response:
    """
    Verify what was recorded since the last checkpoint, and sign everything up to now.

    Where nothing was recorded since, the last checkpoint is answered again. What was recorded is signed only if it is
    whole.
    """
    found = resources(request)
    with found.connection() as connection:
        return as_json(_view(take_checkpoint(connection, found.signing_keys, datetime.now(UTC))))


@router.get(
    "/checkpoints",
    summary="List checkpoints",
    **operation(
        Action.READ_BOOKS,
        answer=CheckpointPage,
        parameters=[LIMIT, CURSOR],
        refusals=[InvalidInput, LedgerNotWhole, LedgerUnavailable],
    ),
)
def read_all(request: Request) -> Response:
    """Return checkpoints with their signatures, newest first."""
    found, limit, cursor = resources(request), limit_of(request), cursor_of(request, tuple[int])
    before = cursor[0] if cursor else 2**62
    with found.connection() as connection:
        sealed = checkpoints(connection, keys_of(found.signing_keys), before=before, limit=limit)
    views = [_view(one) for one in sealed]
    return as_json(CheckpointPage(views, token([views[-1].number]) if len(views) == limit else None))


@router.get(
    "/checkpoints/{number}",
    summary="Read a checkpoint",
    **operation(
        Action.READ_BOOKS,
        answer=CheckpointView,
        parameters=[path_parameter("number", "Its number, or latest.", LATEST)],
        refusals=[InvalidInput, UnknownCheckpoint, LedgerNotWhole, LedgerUnavailable],
    ),
)
def read_one(request: Request) -> Response:
    """Return a checkpoint with its signature; its envelope is what to keep somewhere else."""
    return as_json(_view(sealed_of(resources(request), request.path_params["number"], "/number")))


@router.get(
    "/proofs/inclusion",
    summary="Prove that an event is in a checkpoint",
    **operation(
        Action.READ_BOOKS,
        answer=InclusionView,
        parameters=[
            query_parameter("position", "As a write answered it.", {"type": "string", "examples": ["0:1234"]})
            | {"required": True, "example": "0:1234"},
            CHECKPOINT,
        ],
        refusals=[InvalidInput, UnknownCheckpoint, NotInCheckpoint, LedgerNotWhole, LedgerUnavailable],
    ),
)
def prove_inclusion(request: Request) -> Response:
    """Return the bytes of an event, and the path from its link to the root that the checkpoint signed."""
    found = resources(request)
    partition, position = _position(found, request.query_params.get("position", ""))
    sealed = sealed_of(found, request.query_params.get("checkpoint"))
    with found.connection() as connection:
        prover = Prover(connection, sealed.checkpoint, partition)
        prover.require(position)
        event = event_at(connection, partition, position)
        proof = prover.inclusion(position, event.link)
    return as_json(
        InclusionView(
            sealed.checkpoint.number,
            f"{partition}:{position}",
            position - 1,
            prover.tree.size,
            prover.tree.root,
            event.previous.hex(),
            event.row.hex(),
            event.link.hex(),
            [node.hex() for node in proof],
        )
    )


@router.get(
    "/proofs/consistency",
    summary="Prove that a checkpoint continues an earlier one",
    **operation(
        Action.READ_BOOKS,
        answer=ConsistencyView,
        parameters=[
            query_parameter("from", "The number of the earlier one.", {"type": "string", "examples": ["1"]})
            | {"required": True, "example": "1"},
            query_parameter("to", "The number of the later one; absent: the newest.", _NUMBER),
        ],
        refusals=[InvalidInput, UnknownCheckpoint, NotInCheckpoint, LedgerNotWhole, LedgerUnavailable],
    ),
)
def prove_consistency(request: Request) -> Response:
    """Return, for each partition, what proves that nothing was changed between two checkpoints, only added."""
    found = resources(request)
    if "from" not in request.query_params:
        raise InvalidInput("Say which checkpoint is the earlier one.", pointer="/from")
    first = sealed_of(found, request.query_params["from"], "/from").checkpoint
    second = sealed_of(found, request.query_params.get("to"), "/to").checkpoint
    proofs = []
    with found.connection() as connection:
        for tree in first.trees:
            prover = Prover(connection, second, tree.partition)
            proof = [node.hex() for node in prover.consistency(tree)]
            proofs.append(TreeProof(tree.partition, tree.size, tree.root, prover.tree.size, prover.tree.root, proof))
    return as_json(ConsistencyView(first.number, second.number, proofs))


def sealed_of(found: Resources, text: str | None, pointer: str = "/checkpoint") -> Sealed:
    """
    Return the checkpoint that a request names.

    Raises:
        InvalidInput: It names none.
        UnknownCheckpoint: There is none.
        LedgerNotWhole: It is none of ours.
    """
    number = None
    if text not in {None, LATEST}:
        if not re.fullmatch(r"[0-9]{1,18}", text or ""):
            raise InvalidInput(f"A checkpoint is a number, or {LATEST!r}.", pointer=pointer)
        number = int(text or "")
    with found.connection() as connection:
        return checkpoint_of(connection, number, keys_of(found.signing_keys))


def _position(found: Resources, text: str) -> tuple[int, int]:
    match = _POSITION.fullmatch(text)
    if match is None or int(match[1]) >= found.partition_count:
        raise InvalidInput("A position looks like 0:1234, as a write answers it.", pointer="/position")
    return int(match[1]), int(match[2])


def _view(sealed: Sealed) -> CheckpointView:
    one = sealed.checkpoint
    envelope = msgspec.json.decode(sealed.envelope, type=Envelope)
    return CheckpointView(one.number, one.taken_at, one.root, one.previous, one.trees, envelope)
