"""How addresses are written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from routeserver.net.address import format_address


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
