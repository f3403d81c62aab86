"""What an audit found, as it is told and as it is written."""

from msgspec import Struct

from projections.refolding.folding import Fault


class ChainPart(Struct, frozen=True):
    """The chain of one partition."""

    partition: int
    event_count: int
    last_link: str
    """In hex; empty where it is not whole."""


class AccountsPart(Struct, frozen=True):
    """Every stream, folded anew and compared with what the views show."""

    stream_count: int
    event_count: int


class ViewPart(Struct, frozen=True):
    """A view's table against one that was built anew."""

    table: str
    rebuilt_rows: int
    live_rows: int
    is_equal: bool


class BooksPart(Struct, frozen=True):
    """A closed month of a program, worked out anew."""

    program_id: str
    period: str
    is_passed: bool
    told: str
    """The first check that failed; empty if none did."""


class Report(Struct):
    """Everything that was looked at."""

    is_whole: bool = True
    first_fault: Fault | None = None
    """The lowest position of the lowest partition at fault."""
    faults: list[Fault] = []
    partitions: list[ChainPart] = []
    checkpoints: list[int] = []
    """Numbers of those that the ledger agrees with, or does not, as the faults tell."""
    accounts: AccountsPart | None = None
    views: list[ViewPart] = []
    books: list[BooksPart] = []
    seconds: float = 0.0

    def add(self, fault: Fault) -> None:
        """Take note of something that is wrong."""
        self.faults.append(fault)
        self.is_whole = False
        self.first_fault = min(self.faults, key=lambda one: (one.partition, one.position))
