"""The attachment of a network interface to an instance: both sides show it, the interface's row
keeps it."""

from __future__ import annotations

from routeserver.control.call import Call
from routeserver.domain.network import Instance
from routeserver.domain.resources import NetworkInterface


async def attach(
    call: Call,
    interface: NetworkInterface,
    instance: Instance,
    device_index: int,
    *,
    delete_on_termination: bool = False,
) -> NetworkInterface:
    return await call.tx.update(
        interface,
        status="in-use",
        attachment_id=call.new_id("eni-attach"),
        instance_id=instance.id,
        device_index=device_index,
        attached_at=call.now,
        delete_on_termination=delete_on_termination,
    )


async def detach(call: Call, interface: NetworkInterface) -> None:
    await call.tx.update(
        interface,
        status="available",
        attachment_id=None,
        instance_id=None,
        device_index=None,
        attached_at=None,
        delete_on_termination=False,
    )
