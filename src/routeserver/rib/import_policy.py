"""Import policy: what a peer's rules and the GRACEFUL_SHUTDOWN community make of the routes that it
sends.

A batch goes in and a batch comes out, with the same prefixes in the same order. What a rule rejects
stays in the Adj-RIB-In as `rejected`, with the rule's name and reason, so that it can be shown and
an earlier route of the same prefix stops being used; what a rule sets is carried by an attribute
set derived from the peer's own. Attribute conditions are judged once for each set and remembered;
only rules with prefix conditions look at each prefix, so a set's prefixes may part.

RFC 8326 §4: a route with GRACEFUL_SHUTDOWN gets preference 0 after all rules, because a rule that
prefers a peer does not know that its routes are about to go.

Cost: without rules one search in the octets of each run; with them one dict lookup a run, and for
each prefix under a rule with ranges one lookup for each length among them. A derived set costs
some 300 bytes.

Rules that change are applied again to what is there (`again`): a derived set leads back to the
peer's own, so nobody has to send anything again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from routeserver.net.attribute_set import AttributeSet
from routeserver.net.communities import (
    GRACEFUL_SHUTDOWN,
    CommunityKind,
    CommunityPattern,
    large_as_int,
)
from routeserver.net.path import PathAttributes
from routeserver.net.peering import ImportAction, ImportRule, PrefixRange
from routeserver.net.prefix import IPV6_BIT, Prefix, family_of, length_of
from routeserver.net.route_batch import RouteBatch, prefixes_of, words_a_prefix

MAX_REMEMBERED: Final = 1 << 16
MAX_REMEMBERED_OCTETS: Final = 16 << 20
"""Sets, and their size; then the memory starts anew. A peer can make any number of them."""

NO_RULE_REASON: Final = "No import rule accepts it, and the default is to reject."


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a route: rejected for a reason, or taken with what is set."""

    rejected: str | None = None
    med: int | None = None
    preference: int | None = None


TAKEN: Final = Verdict()
"""As received."""


class Origins:
    """The way back from the derived sets of one peer's routes to its own sets, across all the rules
    that the peer has had."""

    __slots__ = ("_of",)

    def __init__(self) -> None:
        self._of: dict[AttributeSet, _Derived] = {}

    def __len__(self) -> int:
        return len(self._of)

    def of(self, attribute_set: AttributeSet) -> tuple[AttributeSet, Verdict]:
        """What the peer sent, and what was made of it."""
        derived = self._of.get(attribute_set)
        return (attribute_set, TAKEN) if derived is None else (derived.original, derived.verdict)

    def add(self, derived: _Derived, made: AttributeSet) -> None:
        derived.made = made
        self._of[made] = derived

    def forget(self, derived: _Derived) -> None:
        """No route has the derived set any more."""
        made, derived.made = derived.made, None
        if made is not None:
            del self._of[made]


class ImportPolicy:
    """The rules of one peer. Not shared between peers: what it remembers are one session's sets.
    `origins` are those of the rules that the peer had before."""

    def __init__(
        self,
        rules: Sequence[ImportRule] = (),
        default: ImportAction = ImportAction.ACCEPT,
        *,
        graceful_shutdown: bool = False,
        origins: Origins | None = None,
    ) -> None:
        self.origins = Origins() if origins is None else origins
        self._rules = tuple(map(_Compiled, rules))
        self._default = Verdict(NO_RULE_REASON) if default is ImportAction.REJECT else TAKEN
        self._graceful_shutdown = graceful_shutdown
        self._judged: dict[AttributeSet, _Judged] = {}
        self._octets = 0
        """Of the sets that are remembered: they live as long."""

    @property
    def is_empty(self) -> bool:
        """Every route is taken as it is."""
        return not self._rules and self._default is TAKEN and not self._graceful_shutdown

    def forget(self) -> None:
        """The session is over, and its sets with it."""
        self._judged.clear()
        self._octets = 0

    def apply(self, batch: RouteBatch) -> RouteBatch:
        """The same batch when there is nothing to change in it."""
        if self.is_empty or (self._has_no_rules and not batch.may_have_well_known):
            return batch
        judged = [None if run is None else self._judge(run) for run in batch.sets]
        if all(run is None or run.whole is TAKEN for run in judged):
            return batch
        out = RouteBatch(batch.family, batch.words[:0], [], [])
        width = words_a_prefix(batch.family)
        start = 0
        for attribute_set, run, end in zip(batch.sets, judged, batch.ends, strict=True):
            if run is not None and run.whole is None:
                prefixes = prefixes_of(batch.family, batch.words, start, end)
                for verdict, part in self._parted(run, prefixes):
                    out.append(run.derived(verdict), part)
            else:
                out.words.extend(batch.words[start * width : end * width])
                out.ends.append(end)
                if run is None or run.whole is None:
                    out.sets.append(attribute_set)
                else:
                    out.sets.append(run.derived(run.whole))
            start = end
        return out

    def again(
        self, present: AttributeSet, prefixes: Sequence[Prefix]
    ) -> Iterator[tuple[AttributeSet, Sequence[Prefix]]]:
        """What has to take the place of `present`, which some rules of the peer have made for these
        prefixes; nothing where it is what these rules make, too."""
        original, before = self.origins.of(present)
        judged = self._judge(original)
        if judged.whole is not None:
            if judged.whole != before:
                yield judged.derived(judged.whole), prefixes
            return
        for verdict, part in self._parted(judged, prefixes):
            if verdict != before:
                yield judged.derived(verdict), part

    def _parted(
        self, run: _Judged, prefixes: Iterable[Prefix]
    ) -> Iterator[tuple[Verdict, list[Prefix]]]:
        """The prefixes in order, those with one verdict that follow each other together."""
        part: list[Prefix] = []
        current = TAKEN
        for prefix in prefixes:
            verdict = self._verdict(run.rules, run.shutdown, prefix)
            if part and verdict != current:
                yield current, part
                part = []
            current = verdict
            part.append(prefix)
        if part:
            yield current, part

    def _judge(self, attribute_set: AttributeSet) -> _Judged:
        judged = self._judged.get(attribute_set)
        if judged is not None:
            return judged
        if attribute_set.rejected is not None:
            # Not remembered: it is as cheap to find out again.
            return _Judged(self, attribute_set, (), False, TAKEN)
        attributes = attribute_set.attributes
        rules: list[_Compiled] = []
        for rule in self._rules:
            if rule.matches(attributes):
                rules.append(rule)
                if rule.ranges is None and rule.rule.action is not ImportAction.CONTINUE:
                    break
        shutdown = self._graceful_shutdown and GRACEFUL_SHUTDOWN in attributes.communities
        whole = None
        if all(rule.ranges is None for rule in rules):
            whole = self._verdict(rules, shutdown, 0)
        self._octets += len(attribute_set.raw)
        if len(self._judged) >= MAX_REMEMBERED or self._octets > MAX_REMEMBERED_OCTETS:
            self._judged.clear()
            self._octets = len(attribute_set.raw)
        judged = _Judged(self, attribute_set, tuple(rules), shutdown, whole)
        self._judged[attribute_set] = judged
        return judged

    @property
    def _has_no_rules(self) -> bool:
        """Only GRACEFUL_SHUTDOWN can change anything."""
        return not self._rules and self._default is TAKEN

    def _verdict(self, rules: Sequence[_Compiled], shutdown: bool, prefix: Prefix) -> Verdict:
        med = preference = None
        verdict = self._default
        for rule in rules:
            if rule.ranges is not None and not rule.ranges.holds(prefix):
                continue
            if rule.rule.action is ImportAction.REJECT:
                return rule.rejection
            med = med if rule.rule.set_med is None else rule.rule.set_med
            if rule.rule.set_preference is not None:
                preference = rule.rule.set_preference
            if rule.rule.action is ImportAction.ACCEPT:
                verdict = TAKEN
                break
        if verdict.rejected is not None:
            return verdict
        if shutdown:
            preference = 0
        return TAKEN if med is None and preference is None else Verdict(None, med, preference)

    def forget_set(self, attribute_set: AttributeSet) -> None:
        """No route of the peer has it any more."""
        if self._judged.pop(attribute_set, None) is not None:
            self._octets -= len(attribute_set.raw)


class _Judged:
    """One attribute set: the rules whose attribute conditions it meets, and the sets made of it.
    `whole` is the verdict for every prefix, None where that depends on the prefix.
    """

    __slots__ = ("_derived", "_policy", "_set", "rules", "shutdown", "whole")

    def __init__(
        self,
        policy: ImportPolicy,
        attribute_set: AttributeSet,
        rules: tuple[_Compiled, ...],
        shutdown: bool,
        whole: Verdict | None,
    ) -> None:
        self._policy = policy
        self._set = attribute_set
        self._derived: dict[Verdict, AttributeSet] | None = None
        self.rules = rules
        self.shutdown = shutdown
        self.whole = whole

    def derived(self, verdict: Verdict) -> AttributeSet:
        if verdict is TAKEN:
            return self._set
        if self._derived is None:
            self._derived = {}
        found = self._derived.get(verdict)
        if found is None:
            found = self._derived[verdict] = _derive(self._policy, self._set, verdict)
        return found


@dataclass(slots=True, eq=False)
class _Derived:
    """The way from a derived set back to the peer's own. `made` is the derived set while routes may
    have it."""

    policy: ImportPolicy
    original: AttributeSet
    verdict: Verdict
    made: AttributeSet | None = None

    def decode(self, raw: bytes) -> PathAttributes:  # noqa: ARG002 - the original has the same
        return _assigned(self.original.attributes, self.verdict)

    def next_hop(self, raw: bytes) -> IPv4Address | IPv6Address:  # noqa: ARG002 - as above
        return self.original.next_hop

    def forget(self, raw: bytes) -> None:  # noqa: ARG002 - the original has the same
        self.policy.origins.forget(self)
        self.policy.forget_set(self.original)
        if not self.original.slot:  # other rules may have put it into the RIB as it is
            self.original.release()


def _derive(policy: ImportPolicy, original: AttributeSet, verdict: Verdict) -> AttributeSet:
    codec = _Derived(policy, original, verdict)
    if verdict.rejected is not None:
        high, low = original.rank_high, original.rank_low
    else:
        rank = codec.decode(original.raw).rank
        high, low = rank >> 32, rank & 0xFFFF_FFFF
    made = AttributeSet(original.raw, high, low, codec, None, verdict.rejected)
    policy.origins.add(codec, made)
    return made


def _assigned(attributes: PathAttributes, verdict: Verdict) -> PathAttributes:
    med, preference = verdict.med, verdict.preference
    return replace(
        attributes,
        med=attributes.med if med is None else med,
        preference=attributes.preference if preference is None else preference,
    )


class _Compiled:
    """A rule, ready to be asked; `ranges` is None when it looks at no prefix."""

    __slots__ = ("ranges", "rejection", "rule")

    def __init__(self, rule: ImportRule) -> None:
        self.rule = rule
        self.ranges = _Ranges(rule.prefixes) if rule.prefixes else None
        reason = f": {rule.reason}" if rule.reason else "."
        self.rejection = Verdict(f"Rejected by the import rule '{rule.name}'{reason}")

    def matches(self, attributes: PathAttributes) -> bool:
        paths, communities = self.rule.as_paths, self.rule.communities
        if paths and not any(pattern.matches(attributes.as_path) for pattern in paths):
            return False
        return not communities or any(_carries(attributes, pattern) for pattern in communities)


def _carries(attributes: PathAttributes, pattern: CommunityPattern) -> bool:
    mask, value = pattern.mask, pattern.value
    match pattern.kind:
        case CommunityKind.STANDARD:
            return any(community & mask == value for community in attributes.communities)
        case CommunityKind.EXTENDED:
            return any(community & mask == value for community in attributes.extended_communities)
        case CommunityKind.LARGE:
            return any(
                large_as_int(community) & mask == value
                for community in attributes.large_communities
            )


class _Ranges:
    """Prefix ranges by the length of what they are inside of: one lookup for each such length."""

    __slots__ = ("_by_length",)

    def __init__(self, ranges: Sequence[PrefixRange]) -> None:
        by_length: dict[tuple[int, int], dict[Prefix, list[tuple[int, int]]]] = {}
        for within in ranges:
            key = family_of(within.prefix).value, length_of(within.prefix)
            bounds = by_length.setdefault(key, {}).setdefault(within.prefix >> 8, [])
            bounds.append((within.ge, within.le))
        self._by_length = tuple(
            (bool(family == 2), length, (32 if family == 1 else 128) - length, members)
            for (family, length), members in sorted(by_length.items())
        )

    def holds(self, prefix: Prefix) -> bool:
        length = prefix & 0xFF
        is_ipv6 = bool(prefix & IPV6_BIT)
        for ipv6, least, host_bits, members in self._by_length:
            if ipv6 is not is_ipv6 or length < least:
                continue
            bounds = members.get(prefix >> 8 >> host_bits << host_bits)
            if bounds is not None and any(ge <= length <= le for ge, le in bounds):
                return True
        return False
