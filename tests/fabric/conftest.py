"""A helper of this process's own, whose namespaces are gone behind each test."""

from __future__ import annotations

from tests.netd.conftest import helper as helper  # noqa: PLC0414 - a fixture, by its name
