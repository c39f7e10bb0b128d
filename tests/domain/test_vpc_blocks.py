"""Which blocks a VPC may have: what is refused is what touches a range that is no one's to use."""

from __future__ import annotations

from ipaddress import IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from routeserver.domain.refusal import Refusal
from routeserver.domain.vpc_rules import LOOPBACK, UNUSABLE, check_vpc_block

blocks = st.builds(
    lambda address, length: IPv4Network((address, length), strict=False),
    st.one_of(
        st.integers(0, 2**32 - 1),
        # Around the edges of the ranges that matter.
        st.sampled_from([block for block, _ in UNUSABLE] + [LOOPBACK]).flatmap(
            lambda block: st.integers(
                max(0, int(block[0]) - 2**24), min(2**32 - 1, int(block[-1]) + 2**24)
            )
        ),
    ),
    st.integers(8, 28),
)


@given(blocks, st.booleans())
def test_a_block_is_refused_exactly_where_it_touches_an_unusable_range(
    block: IPv4Network, accept_loopback: bool
) -> None:
    touches = any(block.overlaps(unusable) for unusable, _ in UNUSABLE) or (
        block.overlaps(LOOPBACK) and not (accept_loopback and block.subnet_of(LOOPBACK))
    )
    try:
        found: IPv4Network | None = check_vpc_block(
            str(block), amazon=False, accept_loopback=accept_loopback
        )
    except Refusal:
        found = None
    assert found == (None if touches else block)
