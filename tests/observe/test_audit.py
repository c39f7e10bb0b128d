"""The audit trail: whole lines, by CloudTrail's names, and never in anybody's way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from routeserver.observe import audit
from routeserver.observe.audit import REMOVED, AuditedCall, AuditTrail, line_of


def call(**changes: Any) -> AuditedCall:
    given: dict[str, Any] = {
        "at": 1_800_000_000.0,
        "service": "ec2",
        "action": "CreateVpc",
        "region": "us-east-1",
        "identity": {"type": "Root"},
        "params": {"CidrBlock": "10.0.0.0/16"},
        "source_ip": "192.0.2.7",
        "user_agent": "x",
        "request_id": "r1",
        "account_id": "1",
        **changes,
    }
    return AuditedCall(**given)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_a_cloudtrail_event() -> None:
    event = json.loads(line_of(call()))
    assert event["eventSource"] == "ec2.amazonaws.com"
    assert event["eventTime"] == "2027-01-15T08:00:00Z"
    assert event["requestParameters"] == {"cidrBlock": "10.0.0.0/16"}
    assert event["readOnly"] is False
    assert "errorCode" not in event
    failed = {"error_code": "InternalError", "error_message": "m" * 5000, "status": 500}
    event = json.loads(line_of(call(**failed)))
    assert event["errorCode"] == "Server.InternalError"
    assert len(event["errorMessage"]) <= audit.LONGEST_TEXT
    event = json.loads(line_of(call(service="iam", error_code="AccessDenied", status=403)))
    assert event["errorCode"] == "AccessDenied"


def test_secrets_are_left_out() -> None:
    params = {"UserData": "s3cret", "Nested": [{"Password": "s3cret", "Raw": b"s3cret"}]}
    line = line_of(call(params=params))
    assert b"s3cret" not in line
    shown = json.loads(line)["requestParameters"]
    assert shown["userData"] == REMOVED
    assert shown["nested"] == [{"password": REMOVED, "raw": REMOVED}]


def test_what_is_written_is_there_after_the_end(tmp_path: Path) -> None:
    trail = AuditTrail(tmp_path / "audit.jsonl", 1 << 20, 3)
    trail.start()
    for number in range(1000):
        trail.write(call(request_id=str(number)))
    trail.close()
    assert [each["requestID"] for each in lines(trail.path)] == [str(n) for n in range(1000)]
    assert trail.path.stat().st_mode & 0o777 == 0o600
    assert trail.lost == 0


def test_files_are_rotated_and_so_many_stay(tmp_path: Path) -> None:
    trail = AuditTrail(tmp_path / "audit.jsonl", 2000, 3)
    for number in range(40):
        trail.write(call(request_id=str(number)))
        trail._drain()
    trail._close_file()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"]
    assert all(path.stat().st_size <= 2000 for path in tmp_path.iterdir())
    assert lines(trail.path)[-1]["requestID"] == "39"


def test_one_file_begins_anew(tmp_path: Path) -> None:
    trail = AuditTrail(tmp_path / "audit.jsonl", 2000, 1)
    for number in range(40):
        trail.write(call(request_id=str(number)))
        trail._drain()
    trail._close_file()
    assert [path.name for path in tmp_path.iterdir()] == ["audit.jsonl"]
    assert lines(trail.path)[-1]["requestID"] == "39"


def test_a_full_disk_is_survived_counted_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail = AuditTrail(tmp_path / "audit.jsonl", 1 << 20, 3)
    trail.write(call(request_id="before"))
    trail._drain()

    def full(_data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(AuditTrail, "_append", lambda _self, data: full(data))
        trail.write(call(request_id="lost"))
        trail._drain()
    assert trail.lost == 1
    trail.write(call(request_id="after"))
    trail._drain()
    trail._close_file()
    first, gap, last = lines(trail.path)
    assert (first["requestID"], last["requestID"]) == ("before", "after")
    assert gap["additionalEventData"] == {"lost": 1}


def test_no_half_line_stays_when_the_disk_fills_up_inside_it(tmp_path: Path) -> None:
    trail = AuditTrail(tmp_path / "audit.jsonl", 1 << 20, 3)
    trail._append(b"whole\n")
    assert trail._file is not None
    real = trail._file

    class Half:
        def write(self, data: bytes) -> int:
            if data.startswith(b"h"):
                return real.write(data[:2])
            raise OSError(28, "No space left on device")

        def fileno(self) -> int:
            return real.fileno()

        def close(self) -> None:
            real.close()

    trail._file = Half()  # type: ignore[assignment]
    with pytest.raises(OSError, match="space"):
        trail._append(b"half a line\n")
    trail._close_file()
    assert trail.path.read_bytes() == b"whole\n"


def test_a_queue_that_is_full_loses_what_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "QUEUE", 3)
    trail = AuditTrail(tmp_path / "audit.jsonl", 1 << 20, 3)
    for _ in range(5):
        trail.write(call())
    assert trail.lost == 2
