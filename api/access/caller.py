"""Who is asking, and whether they may."""

from collections.abc import Awaitable, Callable

from fastapi import Request
from msgspec import Struct
from starlette.types import Scope

from api.problems import Forbidden
from ledger.access.events import Grant
from ledger.access.roles import Action
from ledger.program.decide import UnknownProgram


class Caller(Struct, frozen=True):
    """The key or the user behind a request, and what they may do."""

    principal: str
    """``key:khaywe_v5TObn`` or ``user:<uuid>``; what events and logs name them by."""
    family: str
    """Stays the same when a key is rotated: the space in which their idempotency keys are unique."""
    actions: frozenset[Action]
    programs: tuple[str, ...] = ()
    """The only programs they see; empty for all."""
    partners: tuple[str, ...] = ()
    """They see only members whom one of these partners enrolled; empty for all."""
    stores: tuple[str, ...] = ()
    """The only values of ``source`` they may write under; empty for all."""
    role: str = ""
    requests_per_s: int | None = None
    """``None`` for the usual limit."""

    def require(self, action: Action) -> None:
        """
        Let them pass, or not.

        Raises:
            Forbidden: They may not.
        """
        if action not in self.actions:
            raise Forbidden(f"This needs the action {action.value!r}, which you do not have.", action=action.value)

    def require_program(self, program_id: str) -> None:
        """
        Let them see a program, or not.

        Raises:
            UnknownProgram: They do not see this one; whether it exists is not for them to know.
        """
        if self.programs and program_id not in self.programs:
            raise UnknownProgram(f"There is no program {program_id!r}.")

    def require_source(self, source: str) -> None:
        """
        Let them write under a source, or not.

        Raises:
            Forbidden: They may not.
        """
        if self.stores and source not in self.stores:
            message = f"You may not write under the source {source!r}, only under: {', '.join(self.stores)}."
            raise Forbidden(message, pointer="/source")

    def covers(self, grant: Grant, actions: frozenset[Action]) -> bool:
        """Tell whether a grant, with the actions it amounts to, is no more than they have themselves."""
        return actions <= self.actions and self.sees(grant)

    def sees(self, grant: Grant) -> bool:
        """Tell whether a grant reaches no further than their own: one who is limited knows only of such."""
        limits = (
            (self.programs, grant.programs),
            (self.partners, grant.partners),
            (self.stores, grant.stores),
        )
        return all(not ours or (bool(theirs) and set(theirs) <= set(ours)) for ours, theirs in limits)


def caller_of(request: Request) -> Caller:
    """Return who is asking; known for everything below ``/v1``."""
    return caller_in(request.scope)


def caller_in(scope: Scope) -> Caller:
    """Return who is asking."""
    found: Caller = scope["khaywe.caller"]
    return found


def authorize(request: Request, action: Action | None) -> None:
    """
    Let a request pass to its operation, or not.

    Raises:
        UnknownProgram: See `Caller.require_program`.
        Forbidden: See `Caller.require`.
    """
    caller = caller_of(request)
    program_id = request.path_params.get("program_id")
    if program_id is not None:
        caller.require_program(program_id)
    if action is not None:
        caller.require(action)


def allow(action: Action | None) -> Callable[[Request], Awaitable[None]]:
    """Return the dependency that lets only callers pass who may do this; ``None`` for everybody with a key."""

    async def check(request: Request) -> None:
        authorize(request, action)

    return check
