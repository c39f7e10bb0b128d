"""How addresses are written, and the one that follows from a hardware address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from routeserver.net.address import format_address, link_local_address


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (IPv4Address("192.0.2.1"), "192.0.2.1"),
        (IPv6Address("2001:db8:0:0::1"), "2001:db8::1"),
        (IPv6Address("::ffff:c000:201"), "::ffff:192.0.2.1"),
        (IPv6Address("::1"), "::1"),
    ],
)
def test_an_ipv4_mapped_address_keeps_its_dotted_form(
    address: IPv4Address | IPv6Address, text: str
) -> None:
    assert format_address(address) == text


def test_the_link_local_address_follows_from_the_hardware_address() -> None:
    # RFC 4291, appendix A: the universal/local bit is turned round.
    assert link_local_address("34:56:78:9a:bc:de") == IPv6Address("fe80::3656:78ff:fe9a:bcde")
    assert link_local_address("02:00:00:00:00:01") == IPv6Address("fe80::ff:fe00:1")
