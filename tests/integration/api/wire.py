"""A till that speaks plain TCP, so that it can stop speaking at any byte."""

import json
import socket
import struct
from typing import Any
from urllib.parse import urlsplit

from khaywe.wiring import Database
from tests.acceptance.conftest import Client, purchase


def request_bytes(client: Client, transaction_id: str, *, declared: int | None = None) -> bytes:
    """Spell the posting of a purchase."""
    body = json.dumps(purchase(transaction_id=transaction_id)).encode()
    length = len(body) if declared is None else declared
    head = (
        "POST /v1/programs/coffee/purchases HTTP/1.1\r\nHost: till\r\n"
        f"Authorization: Bearer {client.key}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
    return head.encode() + body


def connected(client: Client) -> socket.socket:
    """Connect to the server."""
    port = urlsplit(client.base).port
    assert port
    return socket.create_connection(("127.0.0.1", port), 20)


def reset(connection: socket.socket) -> None:
    """Hang up without a goodbye."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def read_answer(connection: socket.socket) -> tuple[int, str, str]:
    """Read until the server hangs up; return status, headers and body."""
    found = b""
    while block := connection.recv(65_536):
        found += block
    head, _, body = found.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), head.decode().lower(), body.decode()


def booked(database: Database) -> list[str]:
    """Return the transaction ids of all purchases in the ledger, in order."""
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT state ->> 'transaction_id' FROM ledger.event_log "
            "WHERE topic = 'account.purchase_posted.v1' ORDER BY position",
        ).fetchall()
    return [transaction_id for (transaction_id,) in rows]


def send_again(client: Client, transaction_id: str) -> dict[str, Any]:
    """Post a purchase as a till does that heard no answer; it has to be booked then, once, and be told so."""
    answer = client.post("/v1/programs/coffee/purchases", purchase(transaction_id=transaction_id))
    assert answer.status in {200, 201}, answer.text
    assert answer.json["replayed"] is (answer.status == 200)
    assert booked(client.database).count(transaction_id) == 1
    return dict(answer.json)
