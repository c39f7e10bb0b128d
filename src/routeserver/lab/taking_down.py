"""`lab down`: everything that the journal names, and everything that bears the lab's mark; in any
state, and again without complaint."""

from __future__ import annotations

import json
from typing import Final

from routeserver.app.data_dir import INSTANCE
from routeserver.lab import cloud_removal, namespaces, processes, server
from routeserver.lab.errors import LabError
from routeserver.lab.interfaces import Access, Tell
from routeserver.lab.journal import Journal

SERVER_MARK: Final = "routeserver "
"""With this and its instance behind it a server marks what is its own."""


def take_down(journal: Journal, access: Access, tell: Tell) -> None:
    """Raises StartError when something does not go; then again is the remedy."""
    token = journal.notes.token
    if token:
        journal.note(step="taking it down")
        if journal.notes.server is not None:
            api, operator = access.api(journal.data_dir), access.operator(journal.data_dir)
            tell("VPC", f"{cloud_removal.remove(api, operator, token)} resources deleted")
        _end_processes(journal, tell)
        _remove_namespaces(journal, tell)
    journal.remove()


def _end_processes(journal: Journal, tell: Tell) -> None:
    token = journal.notes.token
    running = processes.find(token)
    ours = [each for each in running if each.role == server.ROLE]
    appliances = [each for each in running if each.role != server.ROLE]
    if appliances:
        processes.end(appliances, token)
        tell("daemons", f"{len(appliances)} ended")
    # The server first, which takes its own children along in order.
    if ours:
        server.stop(journal)
    processes.end(processes.find(token), token)
    if ours:
        tell("server", "ended")
    left = processes.find(token)
    if left:
        pids = ", ".join(str(each.pid) for each in left)
        raise LabError(f"processes {pids} do not end; try routeserver lab down once more")


def _remove_namespaces(journal: Journal, tell: Tell) -> None:
    token = journal.notes.token
    removed = []
    for name in _servers(journal):
        namespaces.remove(name)
        removed.append(name)
    for name in reversed(journal.notes.namespaces):
        if namespaces.exists(name) and namespaces.is_ours(name, token):
            namespaces.remove(name)
            removed.append(name)
    for name in namespaces.marked(namespaces.MARK + token):
        namespaces.remove(name)
        removed.append(name)
    if removed:
        tell("namespaces", f"{len(removed)} removed")


def _servers(journal: Journal) -> list[str]:
    """The VPCs that the lab's own server has made."""
    if journal.notes.server is not None:
        return []
    try:
        instance = json.loads((journal.data_dir / INSTANCE).read_text())["instance"]
    except (OSError, ValueError, KeyError, TypeError):
        return []  # it never came so far
    return namespaces.marked(f"{SERVER_MARK}{instance}")
