"""Given these facts, when this is asked, then that happened: the language in which deciders are tested."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest
from msgspec import Struct

from ledger.account.decide import decide as decide_account
from ledger.errors import LedgerError
from ledger.program.decide import decide as decide_program
from ledger.store.codec import decode, encode, topic_bytes
from ledger.streams import ACCOUNT, PROGRAM, Stream

_DECIDERS: dict[str, Callable[[Any, Any], list[Any]]] = {ACCOUNT.name: decide_account, PROGRAM.name: decide_program}


class Given(NamedTuple):
    """A stream, and what has happened on it so far."""

    stream: Stream
    events: tuple[Struct, ...] = ()

    def given(self, *events: Struct) -> "Given":
        """Let these facts have happened too."""
        return self._replace(events=self.events + events)

    def when(self, command: Struct) -> "When":
        """Ask for something."""
        return When(self, command)

    def state(self) -> Any:
        """Return what the facts fold into, each read back from the bytes that would be stored."""
        state = None
        for event in self.events:
            state = self.stream.evolve(state, decode(topic_bytes(event).decode(), encode(event)))
        return state


class When(NamedTuple):
    """A command on its way to a stream."""

    past: Given
    command: Struct

    def then(self, *events: Struct) -> Given:
        """Expect exactly these facts, and return the stream on which they have happened."""
        assert list(events) == self._decide()
        return self.past.given(*events)

    def refuses(self, refusal: type[LedgerError], **attributes: object) -> Given:
        """
        Expect a refusal, and return the stream, on which nothing has happened.

        Args:
            refusal: Exactly this class.
            attributes: Some of its ``detail``, its ``pointer`` and its extension members.
        """
        with pytest.raises(LedgerError) as caught:
            self._decide()
        assert refusal is caught.type
        refused = caught.value
        told = {"detail": refused.detail, "pointer": refused.pointer, **refused.members}
        assert attributes == {name: told.get(name) for name in attributes}
        return self.past

    def _decide(self) -> list[Any]:
        """Decide, and make sure that deciding leaves the state alone."""
        state = self.past.state()
        before = msgspec.json.encode(state)
        try:
            return _DECIDERS[self.past.stream.name](state, self.command)
        finally:
            assert before == msgspec.json.encode(state)


def spec(stream: Stream) -> Given:
    """Begin with a stream on which nothing has happened."""
    return Given(stream)
