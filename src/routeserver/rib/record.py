"""What `prefix_index` and `prefix_table` have to agree about: the words of a prefix's record, which
the one keeps and the other fills, and how far ahead prefixes are hashed."""

from __future__ import annotations

from typing import Final

# Behind the address comes a word with the length and two flags, and then, counted from it:
FIRST_ROUTE: Final = 1
BEST_PATH: Final = 2
CHANGED_AT: Final = 3
"""In a record that is not used: the next such record."""

OTHER_WORDS: Final = 4
"""All but the address."""

# Of the word with the length:
LENGTH: Final = 0xFF
QUEUED: Final = 0x100
UNUSED: Final = 0x200

PREPARED: Final = 128
"""Prefixes of a batch that are hashed together."""

LAST_HASH: Final = 2 * PREPARED - 1
"""So many hashes are kept, and this one: those of two such blocks."""
