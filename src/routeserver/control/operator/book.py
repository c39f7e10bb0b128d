"""The settings of every peer: what the profile says, over it the peers' file, over it what was set
for the peer.

In the file a section ``[default]`` is for all peers, one by address for the peers with that
address, one by id for that peer; the later of these wins. In profile ``aws`` a setting that Amazon
does not have is refused wherever it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from routeserver.domain.peer_settings import SettingRefused, parse_settings, settings_mapping
from routeserver.domain.resources import RouteServerPeer
from routeserver.net.peering import AWS_DEFAULTS, OPEN_DEFAULTS, PeerSettings

OPEN: Final = "open"

AMAZONS: Final = frozenset({"hold_time_s", "keepalive_s", "bfd_interval_ms", "bfd_multiplier"})
"""What may be set in profile ``aws``: the timers, which are settings of the server there too."""

PROFILE, FILE_DEFAULT, FILE, SET = "profile", "file, [default]", "file", "peer set"

_log = structlog.get_logger()


class PeersFileError(Exception):
    """The peers' file cannot be used; one line with the place and what to write there."""


@dataclass(frozen=True, slots=True)
class PeersFile:
    """The peers' file as read, its sections valid each by itself; secrets are in there."""

    path: str = ""
    default: Mapping[str, object] = field(default_factory=dict, repr=False)
    sections: Mapping[str, Mapping[str, object]] = field(default_factory=dict, repr=False)
    """By peer id or peer address."""

    def layers(self, peer: RouteServerPeer) -> list[tuple[str, Mapping[str, object]]]:
        """What the file says for a peer, the strongest last."""
        named = [
            (f"{FILE}, [{name}]", self.sections[name])
            for name in (peer.peer_address, peer.id)
            if name in self.sections
        ]
        return [(FILE_DEFAULT, self.default), *named] if self.default else named


@dataclass(frozen=True, slots=True)
class EffectiveSettings:
    """`origins` says for each key where its value comes from; `problem` why what was set for the
    peer is not in force."""

    settings: PeerSettings
    origins: Mapping[str, str]
    problem: str | None = None


class PeerSettingsBook:
    """`read_file` reads the peers' file anew, or raises PeersFileError."""

    def __init__(self, profile: str, read_file: Callable[[], PeersFile] = PeersFile) -> None:
        self.profile = profile
        self._read_file = read_file
        self._said: dict[str, str] = {}
        """The last problem logged of each peer: activations are many."""
        self.file = read_file()

    def reload(self) -> None:
        """Read the file again. Raises PeersFileError, and then nothing has changed."""
        self.file = self._read_file()

    def effective(self, peer: RouteServerPeer, stored: Mapping[str, object]) -> EffectiveSettings:
        """Never fails: what cannot be in force is left out, and said."""
        settings = base_of(self.profile)
        origins = dict.fromkeys(settings_mapping(settings), f"{PROFILE} {self.profile}")
        problems = []
        for origin, layer in [*self.file.layers(peer), (SET, stored)]:
            try:
                settings = layered(settings, layer, self.profile)
            except SettingRefused as refused:
                problems.append(f"{origin}: {refused}")
            else:
                origins.update(dict.fromkeys(layer, origin))
        return EffectiveSettings(settings, origins, "; ".join(problems) or None)

    def settings_of(self, peer: RouteServerPeer, stored: Mapping[str, object]) -> PeerSettings:
        """What the speaker runs the peer with."""
        found = self.effective(peer, stored)
        if found.problem is None:
            self._said.pop(peer.id, None)
        elif self._said.get(peer.id) != found.problem:
            self._said[peer.id] = found.problem
            _log.warning("peer_settings_refused", peer_id=peer.id, reason=found.problem)
        return found.settings


def base_of(profile: str) -> PeerSettings:
    return OPEN_DEFAULTS if profile == OPEN else AWS_DEFAULTS


def layered(base: PeerSettings, layer: Mapping[str, object], profile: str) -> PeerSettings:
    """`base` with a layer over it. Raises SettingRefused."""
    settings = parse_settings(layer, base)
    if profile != OPEN:
        for key in layer:
            if key not in AMAZONS and getattr(settings, key) != getattr(AWS_DEFAULTS, key):
                raise SettingRefused(
                    key,
                    f"left as it is in profile {profile}, where peers are as Amazon's are; "
                    f"profile {OPEN} allows it (routeserver serve --profile={OPEN})",
                )
    return settings
