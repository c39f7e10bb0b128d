"""Subnet arithmetic: the five kept addresses, the next free one, MAC addresses, unique local
blocks.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.domain import addressing
from routeserver.domain.zones import zone_id_of, zones_of


@st.composite
def subnets(draw: st.DrawFn) -> IPv4Network:
    length = draw(st.integers(16, 28))
    return IPv4Network((draw(st.integers(0, 2**length - 1)) << (32 - length), length))


def test_amazon_keeps_the_first_four_and_the_last_address() -> None:
    network = IPv4Network("10.0.0.0/28")
    kept = [str(address) for address in network if addressing.is_reserved(network, address)]
    assert kept == ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.15"]
    assert addressing.usable_count(network) == 11


@given(subnets(), st.sets(st.integers(0, 2**12)), st.integers(1, 20))
def test_free_addresses_are_usable_and_nobody_s(
    network: IPv4Network, offsets: set[int], count: int
) -> None:
    taken = {str(network[offset]) for offset in offsets if offset < network.num_addresses}
    found = list(islice(addressing.free_addresses(network, taken), count))
    assert found == sorted(set(found))
    for address in found:
        assert address in network
        assert str(address) not in taken
        assert not addressing.is_reserved(network, address)
    if len(found) < count:
        usable = {str(a) for a in network if not addressing.is_reserved(network, a)}
        assert usable == taken & usable | {str(address) for address in found}


def test_a_large_ipv6_subnet_is_not_walked() -> None:
    network = IPv6Network("2001:db8::/64")
    first = next(addressing.free_addresses(network, {"2001:db8::4"}))
    assert str(first) == "2001:db8::5"
    assert addressing.is_reserved(network, network[-1])


@given(subnets(), st.integers(0, 2**32 - 1))
def test_host_bits_are_cleared(network: IPv4Network, noise: int) -> None:
    host = int(network.network_address) | noise & int(network.hostmask)
    text = f"{IPv4Network(host).network_address}/{network.prefixlen}"
    assert addressing.parse_ipv4_network(text) == network


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "10.0.0.0",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/255.0.0.0",
        "10.0.0/24",
        "1/8/8",
        "fe80::%eth0/64",
        "::/129",
        "10.0.0.0/²",
        " 10.0.0.0/8",
        "10.0.0.0/-1",
        "10.0.0.0/0.0.0.255",
    ],
)
def test_what_is_no_block_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        addressing.parse_network(text)


@given(st.text())
def test_any_text_is_a_block_or_a_value_error(text: str) -> None:
    try:
        network = addressing.parse_network(text)
    except ValueError:
        return
    assert addressing.parse_network(str(network)) == network


def test_blocks_of_two_families_have_nothing_in_common() -> None:
    four, six = ip_network("0.0.0.0/0"), ip_network("::/0")
    assert not addressing.overlaps(four, six)
    assert not addressing.contains(four, six)
    assert not addressing.contains(six, four)
    assert addressing.contains(four, ip_network("10.0.0.0/8"))


@given(st.binary(min_size=5, max_size=5))
def test_a_mac_address_is_local_and_unicast(random_bytes: bytes) -> None:
    text = addressing.mac_address(random_bytes)
    octets = bytes.fromhex(text.replace(":", ""))
    assert len(octets) == 6
    assert octets[0] & 0b11 == 0b10
    assert octets[1:] == random_bytes


@given(st.text("0123456789abcdef", min_size=17, max_size=17))
def test_a_vpc_s_ipv6_block_is_unique_local_and_its_own(digits: str) -> None:
    network = addressing.vpc_ipv6_network(f"vpc-{digits}")
    assert network.subnet_of(IPv6Network("fd00::/8"))
    assert network.prefixlen == 56
    assert network == addressing.vpc_ipv6_network(f"vpc-{digits}")
    assert f"{int(network.network_address):032x}"[2:14] == digits[:12]


@pytest.mark.parametrize(
    ("region", "zone_id"),
    [
        ("us-east-1", "use1-az1"),
        ("eu-central-1", "euc1-az1"),
        ("ap-southeast-2", "apse2-az1"),
        ("us-gov-west-1", "usgw1-az1"),
        ("lab", "lab-az1"),
    ],
)
def test_zone_ids_have_amazon_s_form(region: str, zone_id: str) -> None:
    (zone, _) = zones_of(region, ("a", "b"))
    assert zone.id == zone_id
    assert zone_id_of(region, ("a", "b"), f"{region}a") == zone_id
    assert zone_id_of(region, ("b",), f"{region}a") is None
