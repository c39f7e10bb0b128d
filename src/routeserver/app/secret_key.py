"""The key that secrets in the database are sealed with: made at the first start, kept in a file.

It is not in the database, so that a copy of that alone gives no secret away. Servers that share a
database share this file, too.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from routeserver.app.data_dir import SECRET_KEY, SecretKey, read_secret_key, write_secret_key
from routeserver.app.errors import StartError
from routeserver.store.seal import KEY_BYTES, Seal


def ensure_seal(data_dir: Path, file: Path | None, random_bytes: Callable[[int], bytes]) -> Seal:
    """Raises StartError. A `file` of None is the one in the data directory."""
    path = file or data_dir / SECRET_KEY
    found = read_secret_key(path)
    if found is None:
        found = SecretKey(random_bytes(KEY_BYTES).hex())
        write_secret_key(path, found)
    try:
        key = bytes.fromhex(found.key)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StartError(f"{path} is damaged; restore it from a backup")
    return Seal(key, random_bytes)
