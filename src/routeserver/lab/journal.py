"""A lab's folder, and in it the journal: what is about to be done, written before it is done.

Whatever ended half-way, the journal names everything that may be there. It is the last file that
`down` removes. The folder lies in /run, which a restart of the machine empties, as it ends
everything that the journal could name.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from routeserver.lab.errors import LabError
from routeserver.lab.model import Lab
from routeserver.lab.reading import read_text

LABS: Final = Path("/run/routeserver-labs")
JOURNAL: Final = "journal.jsonl"
SERVER: Final = "server"


@dataclass
class Notes:
    """Everything that the journal says, added up."""

    token: str = ""
    text: str = ""
    file: str = ""
    server: str | None = None
    """The data directory of a server that is not the lab's own."""
    namespaces: list[str] = field(default_factory=list)
    """That were about to be made; not those that turned out to be somebody else's."""
    ids: dict[str, str] = field(default_factory=dict)
    """What the plan's calls kept."""
    failed: dict[str, str] = field(default_factory=dict)
    """How each appliance was made to fail, of those that have not been healed."""
    last: str = ""
    """The last step that was begun."""
    is_up: bool = False

    def add(self, entry: dict[str, Any]) -> None:
        match entry:
            case {"lab": _, "token": token, "text": text, "file": file, "server": server}:
                self.token, self.text, self.file, self.server = token, text, file, server
            case {"namespace": name}:
                self.namespaces.append(name)
                self.last = f"namespace {name}"
            case {"not_ours": name}:
                self.namespaces = [each for each in self.namespaces if each != name]
            case {"ids": ids}:
                self.ids.update(ids)
            case {"fail": appliance, "how": how}:
                self.failed[appliance] = how
            case {"heal": appliance}:
                self.failed.pop(appliance, None)
            case {"step": step}:
                self.last = step
            case {"up": True}:
                self.is_up = True


class Journal:
    """Of one lab, held by this process alone until it is closed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes = Notes()
        for entry in _entries(folder / JOURNAL):
            self.notes.add(entry)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def data_dir(self) -> Path:
        """Of the server that the lab is in."""
        server = self.notes.server
        return self.folder / SERVER if server is None else Path(server)

    @property
    def exists(self) -> bool:
        return bool(self.notes.token)

    def lab(self) -> Lab:
        """As it was when it was built, whatever has become of the file."""
        return read_text(self.notes.text, self.notes.file, self.name)

    def begin(self, lab: Lab, text: str, file: str, token: str, server: Path | None = None) -> None:
        own = None if server is None else str(server)
        self.note(lab=lab.name, token=token, text=text, file=file, server=own)

    def note(self, **entry: object) -> None:
        """Written, then true. Raises LabError."""
        try:
            with (self.folder / JOURNAL).open("a") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise LabError(f"cannot write in {self.folder}: {reason}; free some space") from error
        self.notes.add(dict(entry))

    def remove(self) -> None:
        """The folder, the journal last."""
        for path in list(self.folder.iterdir()):
            if path.name != JOURNAL:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        (self.folder / JOURNAL).unlink(missing_ok=True)
        self.folder.rmdir()
        self.notes = Notes()


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    """All whole lines; the last one may have been cut off, and then nothing was done of it."""
    with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
        for line in path.read_text().splitlines():
            yield json.loads(line)


@contextmanager
def opened(name: str, labs: Path = LABS) -> Iterator[Journal]:
    """The journal of a lab that there may be; its folder is gone again when it has none at the end.

    Raises LabError when another command works on it.
    """
    labs.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder, lock = labs / name, _locked(labs / f".{name}.lock", name)
    try:
        folder.mkdir(mode=0o755, exist_ok=True)
        journal = Journal(folder)
        try:
            yield journal
        finally:
            if folder.exists() and not journal.exists and not any(folder.iterdir()):
                folder.rmdir()
            if not folder.exists():
                (labs / f".{name}.lock").unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    labs.rmdir()
    finally:
        os.close(lock)


def _locked(path: Path, name: str) -> int:
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it before may have removed it since it was opened here.
            if _is_at(lock, path):
                return lock
        except BlockingIOError as error:
            os.close(lock)
            raise LabError(
                f"another command works on the lab {name}; wait until it has ended"
            ) from error
        os.close(lock)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def known(labs: Path = LABS) -> list[str]:
    """The labs that there are, half-built ones with them."""
    if not labs.is_dir():
        return []
    return sorted(path.name for path in labs.iterdir() if path.is_dir())


def chosen(name: str | None, labs: Path = LABS) -> str:
    """The lab that is meant, which need not be named where there is one. Raises LabError."""
    there = known(labs)
    if name is not None:
        if name not in there:
            known_ones = f"there are {', '.join(there)}" if there else "there is none"
            raise LabError(f"no lab is called {name}; {known_ones}")
        return name
    if not there:
        raise LabError("no lab is up; build one with routeserver lab up FILE")
    if len(there) > 1:
        raise LabError(f"there are several labs; name one with --lab: {', '.join(there)}")
    return there[0]
