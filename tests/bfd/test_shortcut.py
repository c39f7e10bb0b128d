"""The shortcut for a packet that says nothing new, and the whole way, lead to the same session."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.bfd.authentication import Authenticator, BfdAuth
from routeserver.bfd.packet import ControlPacket, State, encode
from routeserver.bfd.session import BfdConfig, BfdSession

LOCAL, REMOTE = 11, 22
CACHES = {"_steady", "_periodic", "_random"}

Step = Callable[[BfdSession, float], object]
packets = st.builds(
    ControlPacket,
    state=st.sampled_from([State.UP, State.UP, State.UP, *State]),
    my_discriminator=st.sampled_from([REMOTE, REMOTE, 33]),
    your_discriminator=st.sampled_from([LOCAL, LOCAL, LOCAL, 0]),
    detect_mult=st.sampled_from([3, 3, 5]),
    desired_min_tx_us=st.sampled_from([300_000, 50_000]),
    required_min_rx_us=st.sampled_from([300_000, 300_000, 0]),
    poll=st.sampled_from([False, False, False, True]),
    final=st.sampled_from([False, False, True]),
    demand=st.sampled_from([False, False, False, True]),
    control_plane_independent=st.booleans(),
)
repeats = st.tuples(packets, st.integers(1, 4), st.floats(0.0, 0.4))
orders = st.sampled_from(["timer", "slower", "faster", "admin down"])
CONFIGS = {"slower": (900_000, 900_000, 3), "faster": (100_000, 100_000, 4)}


def state_of(session: BfdSession) -> dict[str, object]:
    told = {
        name: vars(value) if isinstance(value, Authenticator) else value
        for name, value in vars(session).items()
        if name not in CACHES
    }
    return told | {"next": session.next_deadline(), "every": session.transmit_interval_s}


@pytest.mark.parametrize("auth", [None, BfdAuth(1, b"key"), BfdAuth(1, b"key", meticulous=True)])
@given(st.lists(repeats | orders, max_size=25))
def test_with_and_without_the_shortcut_a_session_is_the_same(
    auth: BfdAuth | None, steps: list[tuple[ControlPacket, int, float] | str]
) -> None:
    quick, whole = (BfdSession(BfdConfig(auth=auth), LOCAL, lambda: 0.5) for _ in range(2))
    signer = None if auth is None else Authenticator(auth, 100)
    now = 0.0
    for session in (quick, whole):
        session.start(now)

    def both(step: Step) -> None:
        assert step(quick, now) == step(whole, now)
        assert quick.packets_to_send() == whole.packets_to_send()
        assert state_of(quick) == state_of(whole)

    def timer(session: BfdSession, at: float) -> object:
        return session.handle_timer(at)

    for said in steps:
        match said:
            case "admin down":
                both(lambda session, at: session.admin_down(at))
            case "timer":
                now = max(now, quick.next_deadline() or now)
                both(timer)
            case str():
                config = BfdConfig(*CONFIGS[said], auth=auth)
                both(lambda session, at, config=config: session.configure(config, at))  # type: ignore[misc]
            case packet, times, gap:
                data = encode(packet) if signer is None else signer.sign(packet)
                for _ in range(times):
                    now += gap
                    whole._steady = None
                    both(lambda session, at, data=data: session.receive(data, at))  # type: ignore[misc]
                    both(timer)


def test_the_shortcut_is_taken() -> None:
    session = BfdSession(BfdConfig(), LOCAL, lambda: 0.5)
    session.start(0.0)
    data = encode(ControlPacket(State.INIT, REMOTE, LOCAL, 3, 300_000, 300_000))
    session.receive(data, 0.0)
    assert session._steady is data
