"""`record`: a peer's sessions as they happen, for as long as somebody reads."""

from __future__ import annotations

from collections.abc import AsyncIterator

from routeserver.control.operator.desk import Desk, Params, peer_named, required
from routeserver.domain.refusal import Refusal
from routeserver.observe.recorder import Recording


async def record(desk: Desk, params: Params) -> AsyncIterator[bytes]:
    """``{"peer"}``: lines of `observe.record_format` without end. Raises Refusal."""
    peer = await peer_named(desk, required(params, "peer"))
    recording = desk.recorder.begin(peer.id)
    if recording is None:
        raise Refusal("Busy", f"{peer.id} is being recorded already; end that one first.", 409)
    desk.world.speaker.listen_in(peer.id, recording)
    return _lines(desk, recording)


async def _lines(desk: Desk, recording: Recording) -> AsyncIterator[bytes]:
    try:
        async for lines in recording.lines():
            yield lines
    finally:
        desk.world.speaker.listen_in(recording.peer_id, None)
        desk.recorder.end(recording)
