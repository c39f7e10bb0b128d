"""What the lab is given by the command that runs it: ways to the server, and somebody to tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from xml.etree import ElementTree as ET


class Api(Protocol):
    """The EC2 API with the root key. Raises StartError with what the server said."""

    def __call__(self, action: str, params: Mapping[str, str]) -> ET.Element: ...


class Operator(Protocol):
    """The operator's socket. Raises StartError."""

    def ask(self, question: str, /, **params: object) -> Any: ...


class Tell(Protocol):
    """One line of progress: what, and more about it."""

    def __call__(self, what: str, detail: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Access:
    """`serve` is the command line that starts a server; the others take its data directory."""

    serve: Sequence[str]
    api: Callable[[Path], Api]
    operator: Callable[[Path], Operator]
