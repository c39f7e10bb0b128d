"""Route refresh on one session, both ways: RFC 2918, and RFC 7313 where both sides offered it.

A refresh without marks only adds; one between BoRR and EoRR tells which routes are gone as well.
With graceful restart in use the marks mean nothing before the End-of-RIB of the family (RFC 7313
§4), because until then routes are stale for another reason.
"""

from __future__ import annotations

from typing import TypeAlias

from routeserver.bgp.capabilities import SAFI_UNICAST
from routeserver.bgp.events import (
    RefreshEnded,
    RefreshRequested,
    RefreshStarted,
    UpdateIgnored,
)
from routeserver.bgp.messages import RefreshSubtype, RouteRefresh
from routeserver.bgp.negotiation import Negotiated
from routeserver.bgp.update_encoding import encode_end_of_rib
from routeserver.net.prefix import Family

RefreshEvent: TypeAlias = RefreshRequested | RefreshStarted | RefreshEnded | UpdateIgnored


class RefreshExchange:
    """Which refreshes are under way. `end_of_rib_received` and `end_of_rib_sent` are told to it."""

    def __init__(self, negotiated: Negotiated) -> None:
        self._agreed = negotiated
        self._waiting_in = self._waiting_out = frozenset[Family]()
        if negotiated.graceful_restart is not None:
            self._waiting_in = self._waiting_out = frozenset(negotiated.families)
        self._begun_in = self._begun_out = frozenset[Family]()

    def end_of_rib_received(self, family: Family) -> None:
        self._waiting_in -= {family}

    def end_of_rib_sent(self, family: Family) -> None:
        self._waiting_out -= {family}

    def marks_received(self) -> bytes:
        """What the peer of a new session with the same OPENs would have to say for it to stand
        where this one does: the End-of-RIBs that have come, and the refreshes that have begun."""
        if self._agreed.graceful_restart is None:
            heard: list[Family] = []
        else:
            heard = [family for family in self._agreed.families if family not in self._waiting_in]
        return b"".join(
            [encode_end_of_rib(family) for family in heard]
            + [_message(family, RefreshSubtype.BEGIN) for family in sorted(self._begun_in)]
        )

    def receive(self, body: bytes) -> RefreshEvent:
        """What a ROUTE-REFRESH means. Raises ProtocolError (RFC 7313 §5) for a bad length."""
        message = RouteRefresh.decode(body)
        family = message.family
        if family is None or family not in self._agreed.families:
            what = f"of AFI {message.afi}, SAFI {message.safi} was not negotiated"
        elif message.subtype == RefreshSubtype.REQUEST:
            return RefreshRequested(family)
        elif message.subtype not in {RefreshSubtype.BEGIN, RefreshSubtype.END}:
            what = f"has the unknown subtype {message.subtype}"
        elif not self._agreed.enhanced_refresh:
            what = f"has the subtype {message.subtype}, which was not negotiated"
        elif family in self._waiting_in:
            what = f"marks a refresh of {family.name} before its End-of-RIB"
        elif message.subtype == RefreshSubtype.BEGIN:
            self._begun_in |= {family}
            return RefreshStarted(family)
        elif family not in self._begun_in:
            what = f"ends a refresh of {family.name} that never began"
        else:
            self._begun_in -= {family}
            return RefreshEnded(family)
        return UpdateIgnored(f"ROUTE-REFRESH {what}", body)

    def request(self, family: Family) -> bytes:
        """Raises ValueError when the peer cannot send its routes again."""
        if not self._agreed.route_refresh:
            raise ValueError("the peer does not know route refresh")
        return _message(family, RefreshSubtype.REQUEST)

    def begin(self, family: Family) -> bytes:
        """BoRR, or nothing where it has no meaning."""
        if not self._agreed.enhanced_refresh or family in self._waiting_out:
            return b""
        self._begun_out |= {family}
        return _message(family, RefreshSubtype.BEGIN)

    def end(self, family: Family) -> bytes:
        """EoRR, or nothing where no BoRR was sent."""
        if family not in self._begun_out:
            return b""
        self._begun_out -= {family}
        return _message(family, RefreshSubtype.END)


def _message(family: Family, subtype: RefreshSubtype) -> bytes:
    return RouteRefresh(family.value, SAFI_UNICAST, subtype).encode()
