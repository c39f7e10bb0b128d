"""What was asked for, kept: SQLite by default, PostgreSQL when scaled out.

Nothing observed is stored here.
"""

from __future__ import annotations

from routeserver.store.errors import DuplicateError, GoneError, StoreError
from routeserver.store.records import AccessKey, PeerSettingsRow, TagRow, TokenRow
from routeserver.store.store import Store
from routeserver.store.transaction import Scope, Transaction

__all__ = [
    "AccessKey",
    "DuplicateError",
    "GoneError",
    "PeerSettingsRow",
    "Scope",
    "Store",
    "StoreError",
    "TagRow",
    "TokenRow",
    "Transaction",
]
