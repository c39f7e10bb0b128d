"""Ready files, found by name wherever the package is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def path_of(name: str) -> Path:
    """The file of that name, or the example; a file that is there goes first."""
    path = Path(name)
    if not path.exists() and name in names():
        return FOLDER / f"{name}.toml"
    return path
