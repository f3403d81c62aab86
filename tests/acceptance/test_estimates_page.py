"""docs/how-to/estimate-breakage.md, command by command."""

from pathlib import Path

from tests.acceptance.conftest import Client
from tests.acceptance.test_proposals import nine_months
from tests.pages import walk

PAGE = "how-to/estimate-breakage.md"


def test_the_page_is_what_happens(lone_client: Client, tmp_path: Path) -> None:
    """Every command prints what the page says."""
    nine_months(lone_client)
    environ = {
        "KHAYWE_DATABASE_URL": lone_client.database.owner_url,
        "KHAYWE_HOME": str(tmp_path / "home"),
        "CLERK": finance(lone_client),
        "BOSS": finance(lone_client),
    }
    assert walk(PAGE, lone_client.base.removeprefix("http://"), environ, tmp_path) >= 10


def finance(client: Client) -> str:
    """Issue a key of finance."""
    return str(client.post("/v1/access/keys", {"role": "finance"}).json["key"])
