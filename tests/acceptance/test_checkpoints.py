"""Checkpoints and proofs over REST: what was answered can be checked without us."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.audit.checkpoint import PAYLOAD_TYPE, read
from ledger.audit.exporting import VERIFIER
from ledger.merkle import is_consistent, is_included, leaf
from ledger.signing import opened, public_of
from ledger.store.chain import link
from tests.acceptance.conftest import Client, purchase


def keys_of(client: Client) -> list[Ed25519PublicKey]:
    """Return the public keys that are published."""
    return [public_of(one["public_pem"].encode()) for one in client.get("/v1/signing-keys").json["keys"]]


def envelope(view: Any) -> bytes:
    """Return the signed document of a checkpoint, as it would be kept."""
    return json.dumps(view["envelope"]).encode()


def buy(client: Client, *numbers: int) -> list[str]:
    """Post purchases, and return where they landed."""
    found = []
    for number in numbers:
        answer = client.post("/v1/programs/coffee/purchases", purchase(transaction_id=f"T{number}"))
        assert answer.status == 201
        found.append(answer.json["position"])
    return found


def test_a_checkpoint_is_signed_and_stands(client: Client) -> None:
    """It can be verified by the published key alone; while nothing happens, it is answered again."""
    client.create_program()
    client.enrol()
    taken = client.post("/v1/audit/checkpoints", None).json
    found = read(envelope(taken), keys_of(client))
    assert (found.number, found.root, found.previous) == (1, taken["root"], "")
    assert sum(tree.size for tree in found.trees) == client.event_count()
    assert client.post("/v1/audit/checkpoints", None).json == taken
    buy(client, 1)
    second = client.post("/v1/audit/checkpoints", None).json
    assert second["number"] == 2
    assert opened(envelope(second), PAYLOAD_TYPE, keys_of(client))
    assert second["previous"] != ""
    listed = client.get("/v1/audit/checkpoints").json["checkpoints"]
    assert listed == [second, taken]
    page = client.get("/v1/audit/checkpoints?limit=1").json
    assert page["checkpoints"] == [second]
    rest = client.get(f"/v1/audit/checkpoints?limit=1&cursor={page['next_cursor']}").json
    assert rest["checkpoints"] == [taken]
    assert client.get("/v1/audit/checkpoints/latest").json == second
    assert client.get("/v1/audit/checkpoints/1").json == taken


def test_an_event_is_proved_to_be_in_a_checkpoint(client: Client) -> None:
    """Its bytes give its link, and the link with the proof gives the root that was signed."""
    client.create_program()
    client.enrol()
    positions = buy(client, *range(20))
    root = {tree["partition"]: tree["root"] for tree in client.post("/v1/audit/checkpoints", None).json["trees"]}
    for position in positions:
        proved = client.get(f"/v1/audit/proofs/inclusion?position={position}").json
        entry = link(bytes.fromhex(proved["previous"]), bytes.fromhex(proved["row"]))
        assert entry.hex() == proved["link"]
        proof = [bytes.fromhex(node) for node in proved["proof"]]
        expected = bytes.fromhex(root[int(position.split(":")[0])])
        assert is_included(leaf(entry), proved["index"], proved["size"], proof, expected)
    assert b'"transaction_id":"T19"' in bytes.fromhex(proved["row"])


def test_a_checkpoint_continues_an_earlier_one(client: Client) -> None:
    """For each partition there is a proof from one root to the other."""
    client.create_program()
    client.enrol()
    first = client.post("/v1/audit/checkpoints", None).json
    buy(client, *range(7))
    second = client.post("/v1/audit/checkpoints", None).json
    proved = client.get("/v1/audit/proofs/consistency?from=1").json
    assert (proved["first"], proved["second"]) == (1, 2)
    for one, earlier, later in zip(proved["trees"], first["trees"], second["trees"], strict=True):
        sizes_and_roots = (earlier["size"], earlier["root"], later["size"], later["root"])
        assert (one["first_size"], one["first_root"], one["second_size"], one["second_root"]) == sizes_and_roots
        proof = [bytes.fromhex(node) for node in one["proof"]]
        assert is_consistent(
            earlier["size"], bytes.fromhex(earlier["root"]), later["size"], bytes.fromhex(later["root"]), proof
        )


def test_what_cannot_be_proved(lone_client: Client) -> None:
    """Each refusal says what is wrong."""
    client = lone_client
    assert client.get("/v1/audit/checkpoints/latest").slug == "unknown-checkpoint"
    client.create_program()
    client.enrol()
    client.post("/v1/audit/checkpoints", None)
    (position,) = buy(client, 1)
    for path, status, slug in (
        (f"/v1/audit/proofs/inclusion?position={position}", 409, "not-in-checkpoint"),
        ("/v1/audit/proofs/inclusion?position=0:0", 409, "not-in-checkpoint"),
        ("/v1/audit/proofs/inclusion?position=1:1", 422, "invalid-input"),
        ("/v1/audit/proofs/inclusion", 422, "invalid-input"),
        ("/v1/audit/proofs/inclusion?position=0:1&checkpoint=x", 422, "invalid-input"),
        ("/v1/audit/proofs/inclusion?position=0:1&checkpoint=7", 404, "unknown-checkpoint"),
        ("/v1/audit/proofs/consistency", 422, "invalid-input"),
        ("/v1/audit/proofs/consistency?from=7", 404, "unknown-checkpoint"),
        ("/v1/audit/checkpoints/0", 404, "unknown-checkpoint"),
        ("/v1/audit/checkpoints/first", 422, "invalid-input"),
    ):
        answer = client.get(path)
        assert (answer.status, answer.slug) == (status, slug), path
    client.post("/v1/audit/checkpoints", None)
    assert client.get("/v1/audit/proofs/consistency?from=2&to=1").slug == "not-in-checkpoint"


def test_nothing_is_signed_that_is_not_whole(lone_client: Client) -> None:
    """Where the ledger was changed after the last checkpoint, the next is refused; before it, proofs are."""
    client = lone_client
    client.create_program()
    client.enrol()
    client.post("/v1/audit/checkpoints", None)
    (position,) = buy(client, 1)
    partition, number = position.split(":")
    with client.database.connect_as_owner() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE ledger.events SET state = state || ' ' WHERE position = %s", (int(number),))
        refused = client.post("/v1/audit/checkpoints", None)
        assert (refused.status, refused.slug) == (409, "ledger-not-whole")
        assert (refused.json["partition"], refused.json["position"]) == (int(partition), int(number))
        owner.execute("UPDATE ledger.events SET hash = sha256(hash) WHERE position = 2")
        assert client.get("/v1/audit/proofs/inclusion?position=0:2").slug == "ledger-not-whole"
        assert client.get("/v1/audit/proofs/inclusion?position=0:3").slug == "ledger-not-whole"


def test_a_statement_proves_itself(client: Client, tmp_path: Path) -> None:
    """Every entry is shown as booked, and verified by the script alone; a change to any of it is found."""
    client.create_program()
    client.enrol()
    *_, last = buy(client, *range(5))
    path = f"/v1/programs/coffee/members/card:1/statement?min_position={last}"
    assert client.get(path).slug == "unknown-checkpoint"
    key = client.get("/v1/signing-keys").json["keys"][0]["public_base64"]
    client.post("/v1/audit/checkpoints", None)
    buy(client, 99)
    told = client.get(path)
    assert told.status == 200, told.text
    entries = told.json["entries"]
    assert [entry["version"] for entry in entries] == [6, 5, 4, 3, 2, 1]
    assert [entry["lines"][0]["balance_points"] for entry in entries[:5]] == [120, 96, 72, 48, 24]
    assert verify(tmp_path, told.text, key) == (0, "PASS")
    page = client.get(f"{path}&limit=4").json
    rest = client.get(f"{path}&limit=4&cursor={page['next_cursor']}").json
    assert page["entries"] + rest["entries"] == entries
    assert client.get(f"{path}&to=2020-01-01").json["entries"] == []
    assert client.get(f"{path}&from=2020-01-01").json["entries"] == entries
    assert client.get(f"{path}&from=yesterday").slug == "invalid-input"
    for change in (
        lambda view: view["entries"].pop(2),
        lambda view: view["entries"][1].update(row=view["entries"][1]["row"].replace("3234", "3235", 1)),
        lambda view: view["entries"][1].update(position=1),
        lambda view: view.update(account_id="00000000-0000-0000-0000-000000000001"),
        lambda view: view["entries"][0]["proof"].append("00" * 32),
    ):
        view = json.loads(told.text)
        change(view)
        assert verify(tmp_path, json.dumps(view), key) == (1, "FAIL")


def verify(folder: Path, text: str, key: str) -> tuple[int, str]:
    """Run the script as a member would; return its exit code and its verdict."""
    file = folder / "statement.json"
    file.write_text(text)
    command = [sys.executable, "-I", str(VERIFIER), "--key", key, "--statement", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.split("\n", 1)[0]
