"""Every question the operator may ask, by name. `record` is not among them: its answer has no
end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from routeserver.control.operator.accounts import (
    account_create,
    account_delete_key,
    account_list,
    account_new_key,
)
from routeserver.control.operator.counts import counts
from routeserver.control.operator.desk import Answer, Desk, Params
from routeserver.control.operator.fabric import attach, detach, show_fabric
from routeserver.control.operator.peers import peer_refresh, peer_reset, show_peer, show_peers
from routeserver.control.operator.routes import list_routes, show_route
from routeserver.control.operator.settings import peer_reload, peer_set, peer_settings, peer_unset
from routeserver.control.operator.tombstones import purge_tombstones
from routeserver.control.operator.what_if import what_if

Question: TypeAlias = Callable[[Desk, Params], Awaitable[Answer]]

QUESTIONS: Final[Mapping[str, Question]] = {
    "show-route": show_route,
    "list-routes": list_routes,
    "counts": counts,
    "show-peers": show_peers,
    "show-peer": show_peer,
    "what-if": what_if,
    "peer-settings": peer_settings,
    "peer-set": peer_set,
    "peer-unset": peer_unset,
    "peer-reload": peer_reload,
    "peer-refresh": peer_refresh,
    "peer-reset": peer_reset,
    "account-create": account_create,
    "account-list": account_list,
    "account-new-key": account_new_key,
    "account-delete-key": account_delete_key,
    "purge": purge_tombstones,
    "attach": attach,
    "detach": detach,
    "show-fabric": show_fabric,
}
