"""The receiving half of an established session: UPDATEs and ROUTE-REFRESHes in, events out.

Plain UPDATEs are taken in passing (`plain`), the others are decoded in full (`update`); either way
their routes are folded into batches, in the order of the wire. The timers are the session's.
"""

from __future__ import annotations

from routeserver.bgp.agreement import decode_context
from routeserver.bgp.attributes import AttributeTable
from routeserver.bgp.events import EndOfRib, Event, RoutesReceived, UpdateIgnored
from routeserver.bgp.framing import Framer
from routeserver.bgp.negotiation import Negotiated, SessionConfig
from routeserver.bgp.plain import RouteReader
from routeserver.bgp.refresh import RefreshExchange
from routeserver.bgp.update import decode_update


class Receiver:
    """`reads_plain`: the session is one whose UPDATEs may be plain."""

    def __init__(self, config: SessionConfig, agreed: Negotiated, refresh: RefreshExchange) -> None:
        self._context = decode_context(config, agreed)
        self._table = AttributeTable(self._context)
        self._routes = RouteReader(self._table, config.local_asn, config.peer_asn, agreed.families)
        self._routes.max_octets = agreed.max_message_octets
        self._refresh = refresh
        self._events: list[Event] = []
        self.reads_plain = agreed.four_octet_asn and not self._context.internal

    def read_plain(self, framer: Framer) -> bool:
        """All the plain UPDATEs that come next, in one go; whether there were any."""
        position = self._routes.read(framer.octets, framer.position)
        if position == framer.position:
            return False
        framer.position = position
        return True

    def update(self, body: bytes) -> None:
        """Add an UPDATE that takes a full look. Raises ProtocolError when the session must end."""
        update = decode_update(body, self._context, self._table)
        withdrawn, announced, end_of_rib, ignored = update
        routes = self._routes
        routes.add(None, withdrawn)
        for attribute_set, prefixes in announced:
            routes.add(attribute_set, prefixes)
        if end_of_rib is not None:
            self._end_batch()
            self._events.append(EndOfRib(end_of_rib))
            self._refresh.end_of_rib_received(end_of_rib)
        for fault in ignored:
            self._events.append(UpdateIgnored(*fault))

    def route_refresh(self, body: bytes) -> None:
        """Raises ProtocolError as `RefreshExchange.receive` does."""
        event = self._refresh.receive(body)
        self._end_batch()
        self._events.append(event)

    def marks_received(self) -> bytes:
        """As `RefreshExchange.marks_received`."""
        return self._refresh.marks_received()

    def take(self) -> list[Event]:
        """Everything since the last call."""
        self._end_batch()
        events, self._events = self._events, []
        return events

    def end(self) -> None:
        """The session is over: its sets are no longer shared, and hold it no longer."""
        self._table.forget_all()

    def _end_batch(self) -> None:
        self._events += [RoutesReceived(batch) for batch in self._routes.take()]
