"""
What every test may ask for.

A test that needs a ledger asks for ``database`` (one partition), ``any_database`` (runs once with one partition and
once with four) or ``new_database`` (as many as it likes). They are real, fresh and dropped afterwards.
"""

from collections.abc import Iterator

import pytest

from khaywe.embedded import EmbeddedServer
from khaywe.wiring import Database
from tests.databases import Databases, NewDatabase, temporary_server


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """Provide the server that all tests share; who wants to hurt one uses `tests.databases.temporary_database`."""
    with temporary_server() as server:
        yield server


@pytest.fixture(scope="session")
def databases(server: EmbeddedServer) -> Databases:
    """Provide the maker of databases on the shared server."""
    return Databases(server)


@pytest.fixture
def new_database(databases: Databases) -> Iterator[NewDatabase]:
    """Provide a function from a number of partitions to a fresh ledger."""
    made: list[Database] = []

    def create(partition_count: int = 1) -> Database:
        made.append(databases.create(partition_count))
        return made[-1]

    yield create
    for database in made:
        databases.drop(database.owner_url)


@pytest.fixture
def empty_url(databases: Databases) -> Iterator[str]:
    """Provide the owner's URL of a database with nothing in it."""
    url = databases.create_empty()
    yield url
    databases.drop(url)


@pytest.fixture
def database(new_database: NewDatabase) -> Database:
    """Provide a fresh ledger of one partition."""
    return new_database(1)


@pytest.fixture(params=[1, 4], ids="{}-partitions".format)
def any_database(request: pytest.FixtureRequest, new_database: NewDatabase) -> Database:
    """Provide a fresh ledger, of one partition and of four."""
    return new_database(request.param)
