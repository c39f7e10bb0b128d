"""What there is to choose from, for many prefixes at once: each distinct choice is told once, and
each prefix the number of its choice. A full table has a handful of them, so whoever follows the FIB
does its own work once for each and not once for each prefix.

This module is a kernel: the same source runs interpreted, or compiled with the types of
``choices.pxd``.
"""

from __future__ import annotations

from array import array

from routeserver.rib.prefix_table import PrefixTable


def choices(
    table: PrefixTable, words: array[int], start: int, end: int, whole: bool
) -> tuple[array[int], list[tuple[int, ...]]]:
    """Of the prefixes with the numbers `start` to `end` (exclusive) in an array of words: the
    number of the choice of each, and what each number is.

    A choice is the number of the best path and, with `whole`, of all other paths of the prefix,
    which may be unusable, in no order. Number 0 is no best path.
    """
    width = table.width
    index = table.index
    numbers = array("I", bytes(4 * (end - start)))
    view, source = numbers, words
    found: list[tuple[int, ...]] = [()]
    known: dict[object, int] = {}
    b = c = d = last_best = last_number = 0
    for place in range(end - start):
        at = (start + place) * (width + 1)
        if width == 4:
            b = source[at + 1]
            c = source[at + 2]
            d = source[at + 3]
        record = index.find(source[at], b, c, d, source[at + width])
        best = table.best_of(record) if record else 0
        if best == 0:
            continue
        if whole:
            routes = table.routes_of(record)
            # One route that is the best path, as nearly all have, needs no more than that.
            if len(routes) > 1 or (len(routes) == 1 and routes[0] != best):
                several = (best, *routes)
                number = known.get(several, 0)
                if number == 0:
                    number = len(found)
                    known[several] = number
                    found.append((best, *[path for path in routes if path != best]))
                view[place] = number
                continue
        if best != last_best:
            last_best = best
            last_number = known.get(best, 0)
            if last_number == 0:
                last_number = len(found)
                known[best] = last_number
                found.append((best,))
        view[place] = last_number
    return numbers, found
