"""What a route costs, in calls of the kernels' functions: a regression shows here, whatever machine
runs the tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.kernels.test_transcripts import ROOT
from tests.kernels.work import AN_UPDATE, LISTS, ROUTES

UPDATES: Final = ROUTES // AN_UPDATE


@pytest.fixture(scope="module")
def counted() -> Mapping[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.kernels.work"],
        env={**os.environ, "ROUTESERVER_INTERPRETED": "1", "PYTHONPATH": str(ROOT / "src")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found: Mapping[str, Any] = json.loads(ran.stdout)
    return found


EXACTLY: Final[dict[str, dict[str, int]]] = {
    # Phase: calls of a function.
    "first": {
        "_take_update": UPDATES,
        "_is_plain": LISTS,  # a list is judged once, however often it comes
        "path_of": UPDATES,
        "find": ROUTES,
        "_link": ROUTES,
        # What is new is entered and, being alone, decided where it is met.
        "_insert": 0,
        "_add": 0,
        "_best": 0,
        "_settle": 0,
    },
    "second": {
        "_is_plain": LISTS,
        "find": ROUTES,
        "_insert": 0,
        "_add": ROUTES,
        "_best": ROUTES,
        "is_better": ROUTES,  # two paths each: one comparison
        "_settle": 0,  # the better one is there
    },
    "again": {"find": ROUTES, "_insert": 0, "_add": 0, "_replace": ROUTES, "_settle": 0},
    "switched": {"find": 0, "_unlink": ROUTES, "_best": 0, "_settle": ROUTES, "_remove": 0},
    "gone": {"find": 0, "_unlink": ROUTES, "_remove": ROUTES, "drop": LISTS, "release": LISTS},
}

AT_MOST_A_ROUTE: Final = {"first": 14, "second": 17, "again": 19, "switched": 9, "gone": 13}
"""All calls together."""


@pytest.mark.parametrize("family", ["IPV4", "IPV6"])
@pytest.mark.parametrize("phase", EXACTLY)
def test_the_work_for_a_table_is_what_it_has_to_be(
    counted: Mapping[str, Any], family: str, phase: str
) -> None:
    calls = counted[family][phase]
    assert {name: calls.get(name, 0) for name in EXACTLY[phase]} == EXACTLY[phase]
    assert sum(calls.values()) <= AT_MOST_A_ROUTE[phase] * ROUTES
    # Linear hashing moves each prefix about as often as the table doubles its size.
    assert calls.get("_split", 0) <= ROUTES
    assert calls.get("_hash_of_record", 0) <= 2 * ROUTES


@pytest.mark.parametrize("family", ["IPV4", "IPV6"])
def test_hash_chains_of_a_usual_table_are_short(counted: Mapping[str, Any], family: str) -> None:
    assert max(counted[family]["chains"].values()) < 1


def test_no_form_of_a_table_makes_long_hash_chains(counted: Mapping[str, Any]) -> None:
    """However the prefixes were chosen: the seed decides where a run of neighbours goes."""
    assert {name: mean for name, mean in counted["awkward"].items() if mean > 2} == {}
