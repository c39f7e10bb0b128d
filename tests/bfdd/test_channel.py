"""The channel's lines: every message comes back as it was, and nothing else is a message."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.bfd.authentication import BfdAuth
from routeserver.bfd.discard import Discard
from routeserver.bfd.events import Handover
from routeserver.bfd.session import BfdConfig
from routeserver.bfdd.channel import (
    _TYPES,
    Attach,
    Changed,
    ChannelError,
    Converge,
    Converged,
    HandedOver,
    Message,
    PacketsDiscarded,
    Ready,
    Refused,
    Rejected,
    decode,
    encode,
)
from routeserver.bfdd.spec import BfdChange, BfdSpec, Discarded, Standing

text = st.text(max_size=20)
discriminators = st.integers(1, 0xFFFFFFFF)
intervals = st.integers(0, 0xFFFFFFFF)
configs = st.builds(
    BfdConfig,
    st.integers(1000, 0xFFFFFFFF),
    st.integers(1000, 0xFFFFFFFF),
    st.integers(1, 255),
    st.booleans(),
    st.none()
    | st.builds(
        BfdAuth, st.integers(0, 255), st.binary(min_size=1, max_size=20), meticulous=st.booleans()
    ),
)
changes = st.builds(
    BfdChange,
    text,
    st.booleans(),
    text,
    st.floats(0, 1e12),
    failure=st.booleans(),
    independent=st.booleans(),
    admin_down=st.booleans(),
    already_down=st.booleans(),
)
handovers = st.builds(
    Handover, discriminators, discriminators, intervals, intervals, st.integers(1, 255), intervals
)
messages = st.one_of(
    st.builds(
        Converge,
        st.integers(),
        st.lists(st.builds(BfdSpec, text, text, text, configs), max_size=3).map(tuple),
        st.dictionaries(text, handovers, max_size=3),
    ),
    st.builds(Attach, st.floats(0, 1e9)),
    st.builds(
        Ready,
        st.integers(),
        st.integers(),
        st.lists(
            st.builds(
                Standing,
                text,
                text,
                text,
                st.booleans(),
                st.none() | handovers,
                st.none() | changes,
                admin_down=st.booleans(),
            ),
            max_size=3,
        ).map(tuple),
    ),
    st.builds(Refused, text),
    st.builds(
        PacketsDiscarded,
        st.lists(
            st.builds(Discarded, text, text, st.sampled_from(Discard), st.integers(), text),
            max_size=3,
        ).map(tuple),
    ),
    st.builds(Converged, st.integers(), st.dictionaries(text, text, max_size=3)),
    st.builds(Changed, changes),
    st.builds(HandedOver, text, handovers),
    st.builds(Rejected, text),
)


@given(messages)
def test_decoding_undoes_encoding_on_one_line(message: Message) -> None:
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=10,
)
names = st.sampled_from(list(_TYPES))
members = st.sampled_from(
    [
        *(
            "serial",
            "sessions",
            "handovers",
            "errors",
            "change",
            "session_id",
            "handover",
            "reason",
        ),
        *("linger_s", "protocol", "port", "standing", "packets"),
    ]
)


@given(
    st.binary(max_size=100)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.builds(
        lambda name, record: json.dumps({**record, "type": name}).encode(),
        names,
        st.dictionaries(members, json_values, max_size=8),
    )
)
def test_any_line_is_a_message_or_refused(line: bytes) -> None:
    try:
        message = decode(line)
    except ChannelError:
        return
    encode(message)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "not a line of JSON"),
        (b"\xff\xfe\n", "not a line of JSON"),
        (b"[" * 100_000, "not a line of JSON"),
        (b"9" * 10_000, "not a line of JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "'type' is missing"),
        (b'{"type": 3}', "'type' is missing or of the wrong type"),
        (b'{"type": "dance"}', "unknown type 'dance'"),
        (b'{"type": "converged", "serial": true, "errors": {}}', "'serial'"),
        (b'{"type": "converged", "serial": 1, "errors": {"a": 1}}', "'a'"),
    ],
)
def test_a_refusal_says_what_is_wrong(line: bytes, reason: str) -> None:
    with pytest.raises(ChannelError, match=reason):
        decode(line)


def test_a_configuration_that_no_packet_can_carry_is_refused() -> None:
    line = encode(Converge(1, (BfdSpec("s", "127.0.0.1", "127.0.0.2"),)))
    with pytest.raises(ChannelError, match="multiplier of 0"):
        decode(line.replace(b'"detect_mult":3', b'"detect_mult":0'))


def test_a_secret_goes_through_and_is_not_shown_in_what_is_refused() -> None:
    config = BfdConfig(auth=BfdAuth(1, b"sesame"))
    line = encode(Converge(1, (BfdSpec("s", "127.0.0.1", "127.0.0.2", config),)))
    message = decode(line)
    assert isinstance(message, Converge)
    assert message.sessions[0].config == config
    assert "sesame" not in repr(message)
    secret = b"sesame".hex()
    for wrong in ("zz" + secret, secret * 4, secret + "f"):
        with pytest.raises(ChannelError) as caught:
            decode(line.replace(secret.encode(), wrong.encode()))
        assert secret not in str(caught.value)


@pytest.mark.parametrize("time", ["-1", "NaN", "Infinity", "true"])
def test_a_time_to_linger_is_a_time(time: str) -> None:
    with pytest.raises(ChannelError, match="linger"):
        decode(f'{{"type": "attach", "linger_s": {time}}}'.encode())
