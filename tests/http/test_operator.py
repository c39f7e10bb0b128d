"""The operator's face: questions in, JSON out, and a reason for every refusal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from routeserver.control.operator import registry
from routeserver.control.operator.book import PeerSettingsBook
from routeserver.control.operator.desk import Desk, Params
from routeserver.http import operator as under_test
from routeserver.store import Store
from tests.control.operator.conftest import Office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    store = await Store.open(f"sqlite:///{tmp_path / 'store.db'}", synchronous="OFF")
    yield Office(store, PeerSettingsBook("open"))
    await store.close()


@pytest.fixture
async def client(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(under_test.make_operator_app(office.desk))
    async with httpx.AsyncClient(transport=transport, base_url="http://operator") as found:
        yield found


async def test_every_question_has_its_path_and_answers_json(
    client: httpx.AsyncClient, office: Office
) -> None:
    await office.add_route_server(["rsp-1"])
    office.announce("rsp-1", "10.1.0.0/16")
    made = [await office.ask("account-create")]
    made.append(await office.ask("account-new-key", account=made[0]["account"]))
    params = {"peer": "rsp-1", "prefix": "10.1.0.0/16", "peers_down": ["rsp-1"]}
    params |= {"account": made[0]["account"], "key": made[1]["key"]}
    for question in registry.QUESTIONS:
        more: dict[str, Any] = {"settings": {"hold_time_s": 9}} if question == "peer-set" else {}
        answer = await client.post(f"/{question}", json=params | more)
        if question in {"attach", "detach"}:  # there is nothing to be plugged in here
            assert (answer.status_code, answer.json()["code"]) == (400, "NoSuchFabric")
            continue
        assert answer.status_code == 200, (question, answer.text)
        assert isinstance(answer.json(), dict)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/show-route", b"{", 400, "MalformedQuestion"),
        ("/show-route", b"[]", 400, "MalformedQuestion"),
        ("/show-route", b"[" * 100_000, 400, "MalformedQuestion"),
        ("/show-route", b"\xff", 400, "MalformedQuestion"),
        ("/show-route", b"", 400, "MissingParameter"),
        ("/show-route", b'{"prefix": 7}', 400, "InvalidParameter"),
        ("/show-peer", b'{"peer": "rsp-9"}', 404, "NotFound"),
        ("/record", b'{"peer": "rsp-9"}', 404, "NotFound"),
        ("/record", b"{", 400, "MalformedQuestion"),
        ("/show-route", b" " * (under_test.MAX_BODY_BYTES + 1), 413, "RequestEntityTooLarge"),
    ],
)
async def test_a_refusal_says_why(
    client: httpx.AsyncClient, path: str, body: bytes, status: int, code: str
) -> None:
    answer = await client.post(path, content=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert len(answer.json()["error"]) > 10


async def test_a_question_that_fails_is_an_answer_and_not_the_end(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, office: Office
) -> None:
    async def fail(_desk: Desk, _params: Params) -> dict[str, Any]:
        raise RuntimeError("broken")

    monkeypatch.setattr(under_test, "QUESTIONS", {"show-peers": fail})
    app = under_test.make_operator_app(office.desk)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://operator"
    ) as broken:
        answer = await broken.post("/show-peers", json={})
    assert (answer.status_code, answer.json()["code"]) == (500, "InternalError")
    assert "broken" not in answer.text
    assert (await client.post("/show-peers", json={})).status_code == 200


async def test_only_post_is_answered(client: httpx.AsyncClient) -> None:
    assert (await client.get("/show-peers")).status_code == 405
    assert (await client.post("/nothing", json={})).status_code == 404
