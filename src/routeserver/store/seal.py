"""Secrets at rest: sealed with a key that is not in the database.

AES-256-GCM with a fresh nonce each time. What a secret belongs to is sealed in with it, so that a
sealed text moved to another row does not open there.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_MARK: Final = "v1."


class SealError(Exception):
    """A sealed text is damaged, belongs to something else, or was sealed with another key."""


class Seal:
    def __init__(self, key: bytes, random_bytes: Callable[[int], bytes]) -> None:
        self._cipher = AESGCM(key)
        self._random_bytes = random_bytes

    def seal(self, text: str, about: str) -> str:
        """`text`, readable only here and only for the same `about`."""
        nonce = self._random_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, text.encode(), about.encode())
        return _MARK + urlsafe_b64encode(sealed).decode("ascii").rstrip("=")

    def open(self, sealed: str, about: str) -> str:
        """Raises SealError."""
        if not sealed.startswith(_MARK):
            raise SealError("it is not sealed")
        written = sealed[len(_MARK) :]
        try:
            raw = urlsafe_b64decode(written + "=" * (-len(written) % 4))
            opened = self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], about.encode())
            return opened.decode()
        except (InvalidTag, ValueError, binascii.Error):
            raise SealError("it cannot be opened with this server's key") from None
