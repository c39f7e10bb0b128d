"""Giving privilege up, for good: what the server does once the helper runs and before it parses
anything from anybody.

Afterwards the process is another user's, has no capability and can get none back, not through a
program that it starts either (capabilities(7), `no_new_privs`). What that user could not reach, an
interpreter below a private home directory or a data directory in one, stays where it was in a
mount namespace of this process alone: there the private directory is an empty one in which just
that is to be found.

In a user namespace with a single user (`unshare -Urn`) there is no other user to become. Root there
is nobody special outside; the rest holds all the same.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from routeserver.netd import linux
from routeserver.netd.linux import Mount

_STATUS: Final = Path("/proc/self/status")
_NOTHING: Final = frozenset({"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})


SPARED: Final = frozenset({"routeserver.toml"})
"""What root reads at the next start and the user must not write: the settings."""


class DropError(OSError):
    """Privilege cannot be given up as asked; one line with the remedy."""


@dataclass(frozen=True, slots=True)
class Identity:
    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Need:
    """A file or directory that must be where it is afterwards, too. `is_given`: the user's own from
    then on, but for the names in `SPARED`."""

    path: Path
    is_written: bool = False
    is_given: bool = False


def identity_of(name: str) -> Identity:
    """The user of this name. Raises DropError."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError as error:
        raise DropError(f"there is no user {name!r}; make it, or name another as run_as") from error
    if entry.pw_uid == 0:
        raise DropError(f"user {name!r} is root by another name; name another as run_as")
    return Identity(name, entry.pw_uid, entry.pw_gid)


def usual_identity() -> Identity:
    """The user `routeserver` where there is one, `nobody` elsewhere. Raises DropError."""
    try:
        return identity_of("routeserver")
    except DropError:
        return identity_of("nobody")


def is_alone() -> bool:
    """Whether this user namespace knows a single user, so that none can be changed to."""
    mapped = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    return len(mapped) == 1 and mapped[0][2] == "1"


def give_up(identity: Identity | None, needs: Sequence[Need]) -> None:
    """Become `identity`, keeping `needs` in reach; None keeps the user, where it is the only one or
    has nothing but capabilities to give up.

    The calling process must have a single thread. Raises DropError, after which it must end: part
    of its privilege may be gone.
    """
    if len(os.listdir("/proc/self/task")) != 1:  # noqa: PTH208 - names are enough
        raise DropError("cannot give up privilege in one of several threads; report this")
    if identity is not None:
        hand_over(identity, [need.path.resolve() for need in needs if need.is_given])
        keep_in_reach(identity, needs)
    is_bounding = bool(linux.capabilities() & linux.mask(linux.CAP_SETPCAP))
    try:
        _give_up(identity, is_bounding=is_bounding)
    except OSError as error:
        raise DropError(f"cannot give up being root: {error}; set run_as = root") from error
    _verify(identity, is_bounding=is_bounding)


def _give_up(identity: Identity | None, *, is_bounding: bool) -> None:
    if is_bounding:
        linux.prctl(linux.PR_SET_SECUREBITS, linux.SECUREBITS_ALL)
        linux.bound_capabilities(0)
    if identity is not None:
        os.setgroups([])
        os.setresgid(identity.gid, identity.gid, identity.gid)
        os.setresuid(identity.uid, identity.uid, identity.uid)
    linux.keep_capabilities(0)
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)


def hand_over(identity: Identity, directories: Iterable[Path]) -> None:
    """Make the directories, and every regular file and socket in them, the user's. Links are left
    alone: what they lead to is not ours to give away. Raises DropError."""
    for directory in directories:
        try:
            for _, _, names, folder in os.fwalk(directory, follow_symlinks=False):
                os.chown(folder, identity.uid, identity.gid)
                for name in names:
                    if name not in SPARED:
                        _give(identity, name, folder)
        except OSError as error:
            raise DropError(
                f"cannot give {directory} to user {identity.name}: {error.strerror}; "
                "do it by hand (chown -R), or set run_as = root"
            ) from error


def _give(identity: Identity, name: str, folder: int) -> None:
    """What is judged is what is given, whatever has that name a moment later."""
    try:
        file = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return
    try:
        about = os.fstat(file)
        is_plain = stat.S_ISREG(about.st_mode) and about.st_nlink == 1
        if about.st_uid != identity.uid and (is_plain or stat.S_ISSOCK(about.st_mode)):
            os.chown(f"/proc/self/fd/{file}", identity.uid, identity.gid)
    finally:
        os.close(file)


# --- what would be out of reach -------------------------------------------------------------------


def keep_in_reach(identity: Identity, needs: Sequence[Need]) -> None:
    """See to it that the user reaches every one of `needs`, whatever directories are above it.

    Raises DropError.
    """
    # Also by the name that it is called by: links on the way may be behind a barrier themselves.
    wanted = {
        place: need for need in needs for place in (need.path.absolute(), need.path.resolve())
    }
    barred = barriers(identity, wanted)
    if not barred:
        return
    try:
        with ExitStack() as held:
            linux.unshare(linux.CLONE_NEWNS)
            linux.mount("", "/", flags=Mount.RECURSIVE | Mount.PRIVATE)
            # Opened in the new namespace: what is of another one cannot be bound here.
            sources = [
                (path, need, _held(held, path))
                for path, need in sorted(wanted.items())
                if any(path.is_relative_to(barrier) for barrier in barred)
            ]
            for barrier in barred:
                linux.mount(
                    "tmpfs", str(barrier), "tmpfs", Mount.NO_SUID | Mount.NO_DEV, "mode=755,size=1m"
                )
            for path, need, source in sources:
                _bind(f"/proc/self/fd/{source}", path, is_written=need.is_written)
    except OSError as error:
        places = ", ".join(map(str, barred))
        raise DropError(
            f"user {identity.name} cannot get past {places}, and that cannot be helped here "
            f"({error.strerror}); put interpreter and data directory elsewhere, open the way "
            "(chmod o+x), or set run_as = root"
        ) from error


def barriers(identity: Identity, paths: Iterable[Path]) -> Sequence[Path]:
    """The outermost directories above `paths` that the user may not pass through."""
    found: list[Path] = []
    for path in sorted(set(paths)):
        if any(path.is_relative_to(known) for known in found):
            continue
        for above in reversed(path.parents):
            if not _may_pass(identity, above):
                found.append(above)
                break
    return found


def _may_pass(identity: Identity, directory: Path) -> bool:
    about = directory.stat()
    if about.st_uid == identity.uid:
        return bool(about.st_mode & stat.S_IXUSR)
    if about.st_gid == identity.gid:
        return bool(about.st_mode & stat.S_IXGRP)
    return bool(about.st_mode & stat.S_IXOTH)


def _held(held: ExitStack, path: Path) -> int:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    held.callback(os.close, descriptor)
    return descriptor


def _bind(source: str, path: Path, *, is_written: bool) -> None:
    if path.exists():
        if not is_written:
            return  # inside of what was bound before it
    elif Path(source).is_dir():
        path.mkdir(mode=0o755, parents=True)
    else:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        path.touch()
    linux.mount(source, str(path), flags=Mount.BIND)
    if not is_written:
        linux.mount(
            "",
            str(path),
            flags=Mount.BIND | Mount.REMOUNT | Mount.READ_ONLY | Mount.NO_SUID | Mount.NO_DEV,
        )


def _verify(identity: Identity | None, *, is_bounding: bool) -> None:
    """What the kernel says of this process now."""
    said = dict(line.split(":\t", 1) for line in _STATUS.read_text().splitlines() if ":\t" in line)
    # Without the right to, the bound stays; no_new_privs keeps it from mattering.
    of_interest = _NOTHING if is_bounding else _NOTHING - {"CapBnd"}
    left = [name for name in sorted(of_interest) if int(said[name], 16)]
    if left or said["NoNewPrivs"].strip() != "1":
        raise DropError(f"privilege is left over: {', '.join(left) or 'no_new_privs is not set'}")
    if identity is not None and set(said["Uid"].split()) != {str(identity.uid)}:
        raise DropError(f"this process is still user {said['Uid'].split()[0]}")
