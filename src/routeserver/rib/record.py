"""The words of a prefix's record, which `prefix_index` keeps and `prefix_table` fills."""

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
