"""The sending half of an established session: routes, End-of-RIB and refreshes as octets.

It knows what the session has agreed on and when something has been said; it holds no routes.
"""

from __future__ import annotations

from collections.abc import Sequence

from routeserver.bgp.negotiation import Negotiated
from routeserver.bgp.refresh import RefreshExchange
from routeserver.bgp.update_encoding import (
    encode_announcement,
    encode_end_of_rib,
    encode_withdrawal,
)
from routeserver.net.path import PathAttributes
from routeserver.net.prefix import Family, Prefix, family_of


class Sender:
    """Puts what it is told to send at the end of `out`. Everything raises ValueError for a family
    that was not negotiated."""

    def __init__(self, agreed: Negotiated, refresh: RefreshExchange, out: list[bytes]) -> None:
        self._agreed = agreed
        self._refresh = refresh
        self._out = out

    def announce(self, attributes: PathAttributes, prefixes: Sequence[Prefix]) -> None:
        """Raises ValueError for attributes that have no encoding, too."""
        self._check_family_of(prefixes)
        agreed = self._agreed
        self._out += encode_announcement(
            attributes,
            prefixes,
            four_octet=agreed.four_octet_asn,
            extended_next_hop=agreed.extended_next_hop,
            max_octets=agreed.max_message_octets,
        )

    def withdraw(self, prefixes: Sequence[Prefix]) -> None:
        self._check_family_of(prefixes)
        self._out += encode_withdrawal(prefixes, max_octets=self._agreed.max_message_octets)

    def end_of_rib(self, family: Family) -> None:
        self._check(family)
        self._out.append(encode_end_of_rib(family))
        self._refresh.end_of_rib_sent(family)

    def request_refresh(self, family: Family) -> None:
        """Raises ValueError when the peer cannot refresh, too."""
        self._check(family)
        self._out.append(self._refresh.request(family))

    def begin_refresh(self, family: Family) -> None:
        self._check(family)
        self._out.append(self._refresh.begin(family))

    def end_refresh(self, family: Family) -> None:
        self._check(family)
        self._out.append(self._refresh.end(family))

    def _check_family_of(self, prefixes: Sequence[Prefix]) -> None:
        if prefixes:
            self._check(family_of(prefixes[0]))

    def _check(self, family: Family) -> None:
        if family not in self._agreed.families:
            raise ValueError(f"{family.name} was not negotiated with the peer")
