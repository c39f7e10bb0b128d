"""Why a datagram changes nothing: the closed set of reasons, counted by everyone who discards.

The text is for people; the name, in lower case, is the label of a counter.
"""

from __future__ import annotations

from enum import StrEnum


class Discard(StrEnum):
    """RFC 5880 §6.8.6 in its order, then RFC 5881 §3 and §5, then RFC 5880 §6.7."""

    VERSION = "the BFD version is not 1"
    TOO_SHORT = "the datagram is too short for a BFD control packet"
    LENGTH_TOO_SMALL = "the length field is too small"
    LENGTH_TOO_LARGE = "the length field is larger than the datagram"
    DETECT_MULT_ZERO = "Detect Mult is zero"
    MULTIPOINT = "the Multipoint bit is set"
    MY_DISCRIMINATOR_ZERO = "My Discriminator is zero"
    YOUR_DISCRIMINATOR_ZERO = "Your Discriminator is zero in a state that knows it"
    NO_SESSION = "no session for these addresses and discriminator"
    TTL = "the TTL is not 255"
    AUTHENTICATION_UNEXPECTED = "the packet is authenticated, and no authentication is in use"
    AUTHENTICATION_MISSING = "the packet is not authenticated, and authentication is in use"
    AUTHENTICATION_TYPE = "another type of authentication is in use"
    AUTHENTICATION_LENGTH = "the authentication section does not have the length of its type"
    KEY_ID = "the authentication key has another number"
    SEQUENCE = "the sequence number is old, or too far ahead"
    DIGEST = "the authentication digest is wrong"
