"""The examples work: the generated client posts, and the Bruno collection can be played from the first to the last."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from api.app import described_app
from tests.acceptance.conftest import Client

EXAMPLES = Path(__file__).parents[2] / "examples"
UVX = Path(sys.executable).parent / "uvx"
GENERATOR = ["openapi-python-client==0.29.1", "httpx", "attrs"]


def test_a_generated_client_posts_a_purchase(lone_client: Client, tmp_path: Path) -> None:
    """The till of examples/python, with a client generated from our document, sells and sees the repeat replayed."""
    document, folder = tmp_path / "openapi.json", tmp_path / "khaywe_client"
    document.write_text(json.dumps(described_app("test")))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    asked = ["generate", "--meta", "none", "--path", str(document), "--output-path", str(folder)]
    try:
        made = run_with_tools(["openapi-python-client", *asked], environment)
    except FileNotFoundError:
        pytest.skip("uvx is not there to run the generator with")
    if "fetch" in made.stderr and made.returncode:
        pytest.skip("the generator cannot be fetched")
    assert made.returncode == 0, made.stdout + made.stderr
    lone_client.create_program()
    lone_client.enrol()
    told = {"KHAYWE_URL": lone_client.base, "KHAYWE_KEY": lone_client.key}
    told |= {"KHAYWE_PROGRAM": "coffee", "KHAYWE_MEMBER": "card:1"}
    sold = run_with_tools(["python", str(EXAMPLES / "python" / "till.py")], environment | told)
    assert sold.returncode == 0, sold.stdout + sold.stderr
    first, again, balance = sold.stdout.splitlines()
    assert (first[:10], first[-5:]) == ("24 points ", "False")
    assert again == first.replace("False", "True")
    assert balance == "24 points can be spent"


def run_with_tools(command: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run something in an environment of its own that has the generator and what its clients import."""
    base, *more = GENERATOR
    extras = [part for one in more for part in ("--with", one)]
    return subprocess.run(
        [str(UVX), "--quiet", "--from", base, *extras, *command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_bruno_collection_can_be_played(lone_client: Client) -> None:
    """Every call of examples/bruno, in order, answers what it asserts."""
    known = {"url": "", "program": "bruno", "card": "6000123456789"}
    calls = sorted((EXAMPLES / "bruno").glob("[0-9]*.bru"))
    assert len(calls) == 10
    for call in calls:
        text = re.sub(r"\{\{(\w+)\}\}", lambda found: known[found[1]], call.read_text())
        request = re.search(r"^(get|post) \{\n  url: (\S+)", text, re.MULTILINE)
        assert request is not None
        body = re.search(r"^body:json \{\n(.*?)\n\}$", text, re.MULTILINE | re.DOTALL)
        answer = lone_client.call(request[1].upper(), request[2], json.loads(body[1]) if body else None)
        allowed = re.search(r"res.status: (?:in|eq) (\S+)", text)
        assert allowed is not None
        assert str(answer.status) in allowed[1].split(","), f"{call.name}: {answer.text}"
        if "bru.setVar" in text:
            known["position"] = answer.json["position"]
