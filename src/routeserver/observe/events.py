"""The log events that others may rely on, each with the keys it always carries.

People's log queries, the demo and tests read these; renaming one is a change of interface. Every
line has `event`, `level` and `timestamp` (UTC, RFC 3339) besides. `at` is UTC seconds since the
epoch, measured by the BFD process at the moment itself.
"""

from __future__ import annotations

from typing import Final

EVENTS: Final = {
    "listening": ("http", "bgp_port", "bfd_port", "data_dir", "profile", "fabric"),
    "privilege": ("user", "uid", "capabilities", "helper", "lacking"),
    "helper_gone": ("pid",),
    "stopping": ("reason",),
    "stopped": (),
    "bgp_session_up": ("peer_id", "reason"),
    "bgp_session_down": ("peer_id", "reason"),
    "bfd_up": ("peer_id", "reason", "at"),
    "bfd_down": ("peer_id", "reason", "at"),
    "bfd_admin_down": ("peer_id", "down", "reason", "at"),
    "fib_changed": ("route_server_id", "changed", "withdrawn"),
    "route_table_changed": ("route_table_id",),
    "kernel_switched": ("namespace", "nexthops", "routes", "reason"),
    "kernel_routes_refused": ("namespace", "table", "count", "first", "reason"),
    "kernel_drift_repaired": ("namespace", "routes"),
    "kernel_routes_swept": ("route_table_id", "count"),
    "peers_file_read": ("path", "sections"),
    "peers_file_refused": ("reason",),
    "peer_settings_changed": ("peer_id", "set", "unset"),
    "peer_settings_refused": ("peer_id", "reason"),
    "operator_refused": ("uid",),
    "request": ("request_id", "service", "action", "code", "duration_s"),
}
