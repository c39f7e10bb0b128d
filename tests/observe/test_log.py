"""Logging: one line an event, in one form whoever speaks, and never in the way."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog

from routeserver.observe import log


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in log.QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.NOTSET)


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_keys_and_a_utc_time() -> None:
    stream = io.StringIO()
    log.configure(stream, level="info", json=True)
    structlog.get_logger().info("bgp_session_up", peer_id="rsp-1", reason="line\nbreak")
    (line,) = lines_of(stream)
    stamp = datetime.fromisoformat(line.pop("timestamp"))
    assert stamp.utcoffset() == timedelta(0)
    assert line == {
        "event": "bgp_session_up",
        "level": "info",
        "peer_id": "rsp-1",
        "reason": "line\nbreak",
    }


def test_less_severe_events_are_left_out() -> None:
    stream = io.StringIO()
    log.configure(stream, level="warning", json=True)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines_of(stream)] == ["loud"]


def test_libraries_and_warnings_come_out_in_the_same_form() -> None:
    stream = io.StringIO()
    log.configure(stream, level="info", json=True)
    logging.getLogger("some.library").error("it broke: %s", "badly")
    logging.getLogger("uvicorn.error").info("chatter")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    first, second = lines_of(stream)
    assert (first["event"], first["logger"], first["level"]) == (
        "it broke: badly",
        "some.library",
        "error",
    )
    assert "DeprecationWarning: old" in second["event"]


def test_an_exception_stays_inside_its_line() -> None:
    stream = io.StringIO()
    log.configure(stream, level="info", json=True)
    try:
        dict[str, int]()["gone"]
    except KeyError:
        structlog.get_logger().exception("failed")
    (line,) = lines_of(stream)
    assert "KeyError: 'gone'" in line["exception"]


def test_a_value_that_json_does_not_know_is_written_as_text() -> None:
    stream = io.StringIO()
    log.configure(stream, level="info", json=True)
    structlog.get_logger().info("odd", what={1, 2}.__class__)
    assert lines_of(stream)[0]["what"] == "<class 'set'>"


def test_a_stream_that_cannot_be_written_harms_nobody() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:  # noqa: ARG002
            raise OSError(28, "No space left on device")

    log.configure(Full(), level="info", json=True)
    structlog.get_logger().info("lost")
    closed = io.StringIO()
    closed.close()
    log.LineLogger(closed).msg("lost too")


def test_the_console_form_is_for_people() -> None:
    stream = io.StringIO()
    log.configure(stream, level="info", json=False)
    structlog.get_logger().info("listening", http="http://127.0.0.1:8179")
    assert "listening" in stream.getvalue()
    assert "http=http://127.0.0.1:8179" in stream.getvalue()
