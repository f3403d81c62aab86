"""Views for analysts as files over REST."""

import base64
import hashlib
import io
import urllib.request
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from tests.acceptance.conftest import Client, purchase

BASE = "/v1/programs/coffee/exports"


@pytest.fixture
def shop(client: Client) -> Client:
    """Provide a client whose program has a purchase that the views show, and another program without."""
    client.create_program()
    client.create_program("tea")
    client.enrol()
    position = client.post("/v1/programs/coffee/purchases", purchase()).json["position"]
    assert client.get(f"/v1/programs/coffee/members/card:1/account?min_position={position}").status == 200
    return client


def download(client: Client, path: str) -> tuple[Any, bytes]:
    """Return headers and bytes of an answer."""
    request = urllib.request.Request(client.base + path, headers={"Authorization": f"Bearer {client.key}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers, answer.read()


def test_a_view_comes_as_a_file(shop: Client) -> None:
    """The file has the program's rows, says its position, and its digest is in a header."""
    headers, content = download(shop, f"{BASE}/purchases.parquet")
    table = pq.read_table(io.BytesIO(content))
    (row,) = table.to_pylist()
    assert (row["program_id"], row["transaction_id"], row["amount_minor"], row["points"]) == ("coffee", "T1", 24990, 24)
    assert headers["Content-Type"] == "application/vnd.apache.parquet"
    assert headers["Content-Digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"
    told = msgspec.json.decode(pq.read_metadata(io.BytesIO(content)).metadata[b"khaywe.export"])
    assert (told["view"], told["program_id"], told["row_count"]) == ("purchases", "coffee", 1)
    _, other = download(shop, "/v1/programs/tea/exports/purchases.parquet")
    assert pq.read_table(io.BytesIO(other)).num_rows == 0


def test_the_dictionary_can_be_read(shop: Client) -> None:
    """What can be exported is listed with columns and meanings; each can be exported."""
    views = shop.get(BASE).json["views"]
    assert {"balances", "lots", "purchases"} <= {view["name"] for view in views}
    assert all(column["description"] for view in views for column in view["columns"])
    for view in views:
        _, content = download(shop, f"{BASE}/{view['name']}.parquet")
        assert pq.read_table(io.BytesIO(content)).column_names == [column["name"] for column in view["columns"]]


def test_what_cannot_be_exported_is_refused(shop: Client) -> None:
    """Unknown views and programs are told; views of no program are not a program's; a till's key may not."""
    assert shop.get(f"{BASE}/nothing.parquet").slug == "unknown-view"
    assert shop.get(f"{BASE}/%00.parquet").slug == "invalid-input"
    assert shop.get(f"{BASE}/job_runs.parquet").slug == "unknown-view"
    assert shop.get("/v1/programs/nowhere/exports/lots.parquet").slug == "unknown-program"
    assert shop.get(f"{BASE}/lots").slug == "no-such-resource"
    till = shop.post("/v1/access/keys", {"role": "pos"}).json["key"]
    assert shop.call("GET", f"{BASE}/lots.parquet", key=till).slug == "forbidden"
    analyst = shop.post("/v1/access/keys", {"role": "analyst", "programs": ["tea"]}).json["key"]
    assert shop.call("GET", f"{BASE}/lots.parquet", key=analyst).status in {403, 404}
