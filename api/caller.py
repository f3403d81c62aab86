"""Who is asking, and whether they may."""

from collections.abc import Awaitable, Callable

from fastapi import Request
from msgspec import Struct
from starlette.types import Scope

from api.problems import Forbidden
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

    def require(self, action: Action) -> None:
        """
        Raises:
            Forbidden: They may not.
        """
        if action not in self.actions:
            raise Forbidden(f"This needs the action {action.value!r}, which you do not have.", action=action.value)


def caller_of(request: Request) -> Caller:
    """Return who is asking; known for everything below ``/v1``."""
    return caller_in(request.scope)


def caller_in(scope: Scope) -> Caller:
    """Return who is asking."""
    found: Caller = scope["khaywe.caller"]
    return found


def authorize(request: Request, action: Action) -> None:
    """
    Let a request pass to its operation, or not.

    Raises:
        UnknownProgram: They do not see this program; whether it exists is not for them to know.
        Forbidden: They may not do this.
    """
    program_id = request.path_params.get("program_id")
    if program_id is not None:
        require_program(request, program_id)
    caller_of(request).require(action)


def require_program(request: Request, program_id: str) -> None:
    """
    Let a request go on with a program, or not; for operations that are told which one in their body.

    Raises:
        UnknownProgram: The caller does not see this program; whether it exists is not for them to know.
    """
    programs = caller_of(request).programs
    if programs and program_id not in programs:
        raise UnknownProgram(f"There is no program {program_id!r}.")


def allow(action: Action) -> Callable[[Request], Awaitable[None]]:
    """Return the dependency that lets only callers pass who may do this."""

    async def check(request: Request) -> None:
        authorize(request, action)

    return check
