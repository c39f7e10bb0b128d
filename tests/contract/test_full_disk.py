"""A data directory whose disk is full: refused in words, nothing lost, and on it goes with room.

The disk is a small tmpfs, which takes root to mount.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.daemons import require_root
from tests.running import Server, error_of, eventually

SIZE = 6 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    require_root("to mount a small tmpfs")
    path = tmp_path / "disk"
    path.mkdir()
    options = f"size={SIZE},mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], check=True)
    yield path
    subprocess.run(["umount", str(path)], check=True)


@pytest.fixture
def server(disk: Path) -> Iterator[Server]:
    running = Server(disk / "data", 20185, 23790)
    running.data_dir.mkdir(mode=0o700)
    running.start()
    yield running
    if running.process is not None:
        running.stop()


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 65536)
        except OSError:
            pass
        try:
            while True:
                file.write(b"x")
        except OSError:
            pass


def vpcs(ec2: Any) -> set[str]:
    return {each["VpcId"] for each in ec2.describe_vpcs()["Vpcs"]}


def audited(server: Server) -> list[dict[str, Any]]:
    lines = (server.data_dir / "audit.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_full_disk_is_said_and_survived(server: Server, disk: Path) -> None:
    ec2 = server.client()
    kept = {ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"] for _ in range(3)}
    fill(disk / "filler")
    codes = []
    for _ in range(200):
        try:
            kept.add(ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])
        except ec2.exceptions.ClientError as error:
            codes.append((error.response["Error"]["Code"], status_of(error)))
            if len(codes) > 5:
                break
    assert set(codes) == {("Unavailable", 503)}
    assert vpcs(ec2) == kept, "reading goes on"
    log = (server.data_dir / "stderr.jsonl").read_text()
    assert [line for line in log.splitlines() if "Traceback" in line] == []
    (disk / "filler").unlink()
    assert error_of(ec2.create_vpc, CidrBlock="10.9.0.0/16") is None
    eventually(
        "the trail tells its gap",
        lambda: [each for each in audited(server) if each["eventType"] == "RouteServerAuditGap"],
        bool,
    )
    after = vpcs(ec2)
    assert kept < after
    assert len(after) == len(kept) + 1
    server.stop()
    server.start()
    assert vpcs(server.client()) == after


def status_of(error: Any) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
