"""The operator's commands without a server, or with one that does not behave."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from routeserver.app.operator_socket import OPERATOR, reachable
from routeserver.cli import operator_client, printing
from routeserver.cli.main import status_of
from routeserver.cli.peer import _parsed
from routeserver.control.operator.reference import REFERENCE, markdown


def failing(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert status_of(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("routeserver: ")
    assert printed.err.count("\n") == 1
    assert "; " in printed.err
    return printed.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "peers"], "no server runs on"),
        (["what-if", "--peer-down=rsp-1"], "no server runs on"),
        (["peer", "set", "rsp-1", "hold_time_s=9"], "no server runs on"),
        (["record", "rsp-1"], "no server runs on"),
        (["show", "route", "--why"], "--why needs a prefix or an address; try"),
        (["show", "route", "10.0.0.0/8", "--peer=rsp-1"], "give --longer to list"),
        (["what-if"], "name a peer with --peer-down"),
        (["peer", "set", "rsp-1", "hold_time_s"], "write it like hold_time_s=30; try"),
        (["peer", "set", "rsp-1", "import_rules=[{"], "begins like JSON and is none"),
        (["peer", "set", "rsp-1", "a=1", "a.b=2"], "a is given as a value and as a table"),
        (["peer", "set", "rsp-1", "md5_password=@/none"], "cannot read /none"),
        (["peer", "unset", "rsp-1"], "name the settings to take back, or --all"),
        (["replay", "/none"], "cannot read /none"),
        (["show", "route", "--limit=0"], "try routeserver show route --help"),
        (["attach", "eni-1", "--netns=a"], "no server runs on"),
        (["attach", "eni-1"], "give either --netns or --pid; try routeserver attach --help"),
        (["attach", "eni-1", "--netns=a", "--pid=1"], "give either --netns or --pid"),
        (["detach", "eni-1"], "no server runs on"),
        (["show", "fabric"], "no server runs on"),
        (["peer", "sing"], "no such command 'sing'"),
    ],
)
def test_a_mistake_is_one_line_with_a_remedy(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asks = arguments[0] != "replay" and arguments != ["peer", "sing"]
    place = [f"--data-dir={tmp_path}"] if asks else []
    assert said in failing(capsys, *arguments, *place)


def test_a_file_that_is_no_record_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "record"
    file.write_text("hello\n")
    assert f"{file}: line 1 is no JSON" in failing(capsys, "replay", str(file))
    file.write_bytes(b"\xff\xfe")
    assert "cannot read" in failing(capsys, "replay", str(file))


@contextmanager
def answering(path: Path, answer: Callable[[socket.socket], None]) -> Iterator[None]:
    """A server of one connection that does what it likes."""
    with socket.socket(socket.AF_UNIX) as listening:
        with reachable(path / OPERATOR) as address:
            listening.bind(address)
        listening.listen()

        def serve() -> None:
            accepted, _ = listening.accept()
            with accepted:
                answer(accepted)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join(10)


def http(status: int, body: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        hear(connection)
        head = f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    return answer


def hear(connection: socket.socket) -> None:
    """The whole question: its body is a JSON object behind the head."""
    heard = b""
    while not heard.endswith(b"}"):
        heard += connection.recv(65_536)


hang_up = hear


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (hang_up, "hung up; it may have ended"),
        (http(200, b"no json"), "hung up; it may have ended"),
        (http(500, b"oops"), "HTTP status 500; if it happens again, report it"),
        (http(404, b'{"error": "There is none."}'), "routeserver: there is none; correct it"),
        (http(400, b'{"error": "No such; do that."}'), "routeserver: no such; do that\n"),
    ],
)
def test_a_server_that_does_not_answer_well_is_a_sentence(
    answer: Callable[[socket.socket], None],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    with answering(tmp_path, answer):
        assert said in failing(capsys, "show", "peers", f"--data-dir={tmp_path}")


def test_a_server_that_takes_too_long_is_not_waited_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_client, "ANSWER_S", 0.05)
    done = threading.Event()

    def wait(_: socket.socket) -> None:
        done.wait(10)

    with answering(tmp_path, wait):
        said = failing(capsys, "show", "peers", f"--data-dir={tmp_path}")
        done.set()
    assert "has not answered for 0.05 seconds; look at its log" in said


def test_the_reference_needs_no_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["peer", "settings", "--explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(REFERENCE)
    assert status_of(["peer", "settings", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["md5_password"]["allowed_in_aws"] is False
    assert status_of(["peer", "settings", "--markdown"]) == 0
    assert capsys.readouterr().out == markdown()


def test_settings_are_read_from_words_json_tables_and_files(tmp_path: Path) -> None:
    secret, rules = tmp_path / "secret", tmp_path / "rules.toml"
    secret.write_text("hunter2\n")
    rules.write_text('[[import_rules]]\nname = "a"\n')
    assert _parsed(
        [
            "hold_time_s=9",
            f"md5_password=@{secret}",
            f"import_rules=@{rules}",
            'communities=["1:2"]',
            "bfd_authentication.key_id=1",
            f"bfd_authentication.secret=@{secret}",
            "reason=a=b",
        ]
    ) == {
        "hold_time_s": "9",
        "md5_password": "hunter2",
        "import_rules": [{"name": "a"}],
        "communities": ["1:2"],
        "bfd_authentication": {"key_id": "1", "secret": "hunter2"},
        "reason": "a=b",
    }


def test_times_and_paths_are_shown_short() -> None:
    assert printing.duration(59.9) == "59 s"
    assert printing.duration(3600 * 3 + 60 * 12) == "3 h 12 min"
    assert printing.duration(86_400 * 2 + 3600) == "2 d 1 h"
    assert printing.ago(None, 0) == "never"
    assert printing.as_path([]) == "(empty)"
    assert printing.as_path([str(n) for n in range(100)]).endswith("… 90 more … 96 97 98 99")
