"""Patterns in policies: ``*`` and ``?``, and policy variables such as ``${aws:username}``.

A pattern is taken apart once, when its policy is read. What a variable stands for is always literal
text, so that a user called ``*`` gains nothing by it; ``${*}``, ``${?}`` and ``${$}`` are those
characters themselves (IAM user guide, "IAM policy elements: variables and tags"). Matching is
linear: each run between two stars is found at its first place and never given back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

Values: TypeAlias = tuple[str, ...]
Context: TypeAlias = Mapping[str, Values]
"""What is known of a request: condition key, in lower case, to its values."""

_VARIABLE: Final = re.compile(r"\$\{([^${}]*)\}")
_LITERALS: Final = frozenset("*?$")
_DEFAULTED: Final = re.compile(r"(.*?)\s*,\s*'(.*)'", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Variable:
    key: str
    """A condition key in lower case."""
    default: str | None


@dataclass(frozen=True, slots=True)
class Pattern:
    """`parts` are texts with wildcards, literal texts (as a one-tuple) and variables, in order."""

    source: str
    parts: tuple[str | tuple[str] | Variable, ...]
    variables: frozenset[str]
    """The condition keys it needs."""

    def resolve(self, context: Context) -> str | None:
        """As one glob, in which a literal wildcard stands escaped; None when a variable has no
        value, or more than one."""
        if not self.variables and len(self.parts) == 1 and isinstance(self.parts[0], str):
            return self.parts[0]
        found: list[str] = []
        for part in self.parts:
            if isinstance(part, Variable):
                values = context.get(part.key, ())
                if len(values) != 1:
                    if part.default is None or values:
                        return None
                    values = (part.default,)
                found.append(_escaped(values[0]))
            elif isinstance(part, tuple):
                found.append(_escaped(part[0]))
            else:
                found.append(part)
        return "".join(found)

    def literal(self, context: Context) -> str | None:
        """As plain text, with its wildcards meaning themselves; None as in `resolve`."""
        glob = self.resolve(context)
        return None if glob is None else _ESCAPED.sub(lambda each: each[1], glob)

    def matches(self, text: str, context: Context, *, ignore_case: bool = False) -> bool:
        glob = self.resolve(context)
        return glob is not None and like(glob, text, ignore_case=ignore_case)


def pattern(source: str, *, variables: bool = True) -> Pattern:
    """Take a pattern apart. Without `variables` (policy language 2008-10-17) ``${`` is text.

    Raises ValueError for a variable that is not well-formed.
    """
    if not variables or "${" not in source:
        return Pattern(source, (source.replace("\\", "\\\\"),), frozenset())
    parts: list[str | tuple[str] | Variable] = []
    needs: set[str] = set()
    at = 0
    for found in _VARIABLE.finditer(source):
        _append_text(parts, source[at : found.start()])
        inside = found[1].strip()
        at = found.end()
        if inside in _LITERALS:
            parts.append((inside,))
            continue
        defaulted = _DEFAULTED.fullmatch(inside)
        key, default = (defaulted[1], defaulted[2]) if defaulted else (inside, None)
        if ":" not in key:
            raise ValueError(f"the policy variable ${{{inside}}} is not the name of a key")
        parts.append(Variable(key.lower(), default))
        needs.add(key.lower())
    _append_text(parts, source[at:])
    return Pattern(source, tuple(parts), frozenset(needs))


def _append_text(parts: list[str | tuple[str] | Variable], text: str) -> None:
    if "${" in text:
        raise ValueError("a policy variable is not closed")
    if text:
        parts.append(text.replace("\\", "\\\\"))


# --- globs ----------------------------------------------------------------------------------------

_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_GLOB_TOKEN: Final = re.compile(r"\\(.)|(\*+)|(\?)", re.DOTALL)


def _escaped(text: str) -> str:
    return re.sub(r"[\\*?]", r"\\\g<0>", text)


def like(glob: str, text: str, *, ignore_case: bool = False) -> bool:
    """Whether `text` fits `glob`: ``*`` is any text, ``?`` any character, ``\\`` takes either
    literally."""
    if glob == "*":
        return True
    if not any(each in glob for each in "*?\\"):
        return glob.lower() == text.lower() if ignore_case else glob == text
    return _compiled(glob, ignore_case).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(glob: str, ignore_case: bool) -> re.Pattern[str]:
    runs = [""]
    at = 0
    for token in _GLOB_TOKEN.finditer(glob):
        runs[-1] += re.escape(glob[at : token.start()])
        at = token.end()
        if token[2]:
            runs.append("")
        else:
            runs[-1] += re.escape(token[1]) if token[1] is not None else "."
    runs[-1] += re.escape(glob[at:])
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return re.compile(_expression(runs), flags)


def _expression(runs: Sequence[str]) -> str:
    if len(runs) == 1:
        return runs[0]
    first, *middle, last = runs
    # Possessive: the earliest place is the best one, because a star behind it takes the rest.
    return first + "".join(f"(?>.*?{run})" for run in middle if run) + ".*" + last


def arn_like(glob: str, text: str) -> bool:
    """As the Arn operators compare: each of the six parts by itself."""
    globs, parts = glob.split(":", 5), text.split(":", 5)
    return len(globs) == len(parts) == 6 and all(map(like, globs, parts))
