"""Dropping every packet of an interface without a word, both ways, while its link stays up: two
chains of nf_tables on the device. What a broken path looks like from both of its ends."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from contextlib import closing
from typing import Final

from routeserver.lab import namespaces
from routeserver.lab.errors import LabError
from routeserver.netd.rtnetlink import open_rules
from routeserver.netlink.nftables import (
    Hook,
    batch,
    delete_table,
    drop,
    new_chain,
    new_rule,
    new_table,
)

TABLE: Final = "routeserver-lab"


def fall(namespace: str, devices: Sequence[str]) -> None:
    """From now on. Raises LabError."""
    # Made, so that it can be deleted, so that it begins empty.
    commands = [new_table(TABLE), delete_table(TABLE), new_table(TABLE)]
    for device in devices:
        for hook in Hook:
            chain = f"{device}-{hook.name.lower()}"
            commands.append(new_chain(TABLE, chain, hook, device))
            commands.append(new_rule(TABLE, chain, drop()))
    try:
        _carry_out(namespace, commands)
    except OSError as error:
        raise LabError(
            f"cannot drop packets in {namespace}: {error.strerror}; the kernel needs nf_tables "
            "with chains for ingress and egress of a device"
        ) from error


def lift(namespace: str) -> None:
    """Also where there is none. Raises LabError."""
    try:
        _carry_out(namespace, [delete_table(TABLE)])
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise LabError(
                f"cannot let packets pass in {namespace} again: {error.strerror}; "
                "run routeserver lab down"
            ) from error


def _carry_out(namespace: str, commands: Sequence[tuple[int, bytes]]) -> None:
    def work() -> None:
        with closing(open_rules()) as rules:
            rules.batch(batch(commands))

    namespaces.inside(namespace, work)
