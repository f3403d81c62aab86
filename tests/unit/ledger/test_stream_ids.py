from uuid import UUID, uuid5

from ledger.streams import (
    ACCESS,
    ACCOUNT,
    APPROVAL,
    ARCHIVE,
    BOOKKEEPING,
    BUDGET,
    NAMESPACE,
    POOL,
    PROGRAM,
    STREAMS,
    access_stream_id,
    account_stream_id,
    approval_stream_id,
    archive_stream_id,
    bookkeeping_stream_id,
    budget_stream_id,
    pool_stream_id,
    program_stream_id,
)

MEMBER = UUID("0195f3d2-8c4e-7cc1-9a52-6f1d2b7a4e10")


def test_an_account_s_stream_id_never_changes() -> None:
    """It is where the account's history is; another id would lose it."""
    expected = UUID("5f8c153c-a50e-5df7-80c1-a4d3113fedd4")
    assert expected.bytes == account_stream_id("club", MEMBER)
    assert expected == uuid5(NAMESPACE, "account:club:0195f3d2-8c4e-7cc1-9a52-6f1d2b7a4e10")


def test_a_program_s_stream_id_never_changes() -> None:
    """It is where the program's history is; another id would lose it."""
    expected = UUID("02ada637-7159-575b-9fba-f346db734c51")
    assert expected.bytes == program_stream_id("club")
    assert expected == uuid5(NAMESPACE, "program:club")


def test_streams_do_not_meet() -> None:
    """Each program and each member of it has a stream of its own."""
    other = UUID(int=MEMBER.int + 1)
    ids = [
        account_stream_id("club", MEMBER),
        account_stream_id("club", other),
        account_stream_id("club2", MEMBER),
        program_stream_id("club"),
        program_stream_id("club2"),
        budget_stream_id("club"),
        budget_stream_id("club2"),
        pool_stream_id("club", "home"),
        pool_stream_id("club", "away"),
        pool_stream_id("club2", "home"),
        program_stream_id(f"club:{MEMBER}"),
        access_stream_id("key:club"),
        access_stream_id("user:club"),
        approval_stream_id("club", "home"),
        approval_stream_id("club2", "home"),
        bookkeeping_stream_id("club"),
        bookkeeping_stream_id("club2"),
        archive_stream_id(),
    ]
    assert len(ids) == len(set(ids))


def test_every_kind_of_stream_is_listed() -> None:
    """With a name and a snapshot layout of its own."""
    assert (ACCOUNT, PROGRAM, BUDGET, POOL, ACCESS, APPROVAL, BOOKKEEPING, ARCHIVE) == STREAMS
    assert [stream.name for stream in STREAMS] == [
        "account",
        "program",
        "budget",
        "pool",
        "access",
        "approval",
        "books",
        "archive",
    ]
    assert [stream.snapshot_topic for stream in STREAMS] == [
        "account.state.v3",
        "program.state.v2",
        "budget.state.v1",
        "pool.state.v1",
        "access.state.v1",
        "approval.state.v1",
        "books.state.v1",
        "archive.state.v1",
    ]
