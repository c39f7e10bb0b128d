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
        "is_plain": LISTS,  # a list is judged once, however often it comes
        "path_of": UPDATES,
        "seek": ROUTES,
        "insert": ROUTES,
        # What is new is entered and, being alone, decided where it is met.
        "_add": 0,
        "_best": 0,
        "_settle": 0,
    },
    "second": {
        "is_plain": LISTS,
        "seek": ROUTES,
        "insert": 0,
        "_add": ROUTES,
        "_best": ROUTES,
        "is_better": ROUTES,  # two paths each: one comparison
        "_settle": 0,  # the better one is there
    },
    "again": {"seek": ROUTES, "insert": 0, "_add": 0, "_replace": ROUTES, "_settle": 0},
    "switched": {"seek": 0, "_unlink": ROUTES, "_best": 0, "_settle": ROUTES, "remove": 0},
    "gone": {"seek": 0, "_unlink": ROUTES, "remove": ROUTES, "drop": LISTS, "release": LISTS},
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
    # The hash table grows a few times, and looks at each of its places once for that.
    assert calls.get("_grow", 0) <= 6
    assert calls.get("hash_of", 0) <= ROUTES


@pytest.mark.parametrize("family", ["IPV4", "IPV6"])
def test_searches_in_a_usual_table_are_short(counted: Mapping[str, Any], family: str) -> None:
    assert max(counted[family]["searches"].values()) < 2


def test_no_form_of_a_table_makes_long_searches(counted: Mapping[str, Any]) -> None:
    """However the prefixes were chosen: the seed decides where a run of neighbours goes."""
    assert {name: mean for name, mean in counted["awkward"].items() if mean > 3} == {}
