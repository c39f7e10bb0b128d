"""The journal: what is written is there, whatever ended the writer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from routeserver.lab import examples, journal
from routeserver.lab.errors import LabError
from routeserver.lab.journal import JOURNAL, Journal
from routeserver.lab.reading import read_file

PATH = examples.path_of("firewall-pair")


def begin(opened: Journal) -> None:
    opened.begin(read_file(PATH, opened.name), PATH.read_text(), str(PATH), "some token")


def test_what_was_noted_is_there_for_the_next_command(tmp_path: Path) -> None:
    with journal.opened("shop", tmp_path) as opened:
        assert not opened.exists
        begin(opened)
        opened.note(namespace="shop-fw-a")
        opened.note(namespace="shop-fw-b")
        opened.note(not_ours="shop-fw-b")
        opened.note(ids={"vpc.shop": "vpc-1"})
        opened.note(fail="fw-a", how="kill")
        opened.note(fail="fw-b", how="link-down")
        opened.note(heal="fw-a")
        opened.note(step="the last one")
    with journal.opened("shop", tmp_path) as opened:
        notes = opened.notes
        assert opened.exists
        assert (notes.token, notes.is_up) == ("some token", False)
        assert notes.namespaces == ["shop-fw-a"]
        assert notes.ids == {"vpc.shop": "vpc-1"}
        assert notes.failed == {"fw-b": "link-down"}
        assert notes.last == "the last one"
        assert opened.lab() == read_file(PATH, "shop")


def test_a_line_that_was_cut_off_counts_for_nothing(tmp_path: Path) -> None:
    with journal.opened("shop", tmp_path) as opened:
        begin(opened)
        opened.note(namespace="shop-fw-a")
    path = tmp_path / "shop" / JOURNAL
    whole = path.read_bytes()
    last = json.dumps({"namespace": "shop-fw-a"}).encode() + b"\n"
    for cut in range(len(whole) - len(last) + 1, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with journal.opened("shop", tmp_path) as opened:
            assert opened.exists
            assert opened.notes.namespaces == []


def test_one_command_at_a_time_works_on_a_lab(tmp_path: Path) -> None:
    with (
        journal.opened("shop", tmp_path),
        journal.opened("other", tmp_path),
        pytest.raises(LabError, match="another command works on the lab shop; wait"),
        journal.opened("shop", tmp_path),
    ):
        pass


def test_a_lab_that_was_not_begun_leaves_nothing(tmp_path: Path) -> None:
    labs = tmp_path / "labs"
    with journal.opened("shop", labs):
        assert journal.known(labs) == ["shop"]
    assert not labs.exists()
    assert journal.known(labs) == []


def test_nothing_is_left_of_a_lab_that_is_removed(tmp_path: Path) -> None:
    labs = tmp_path / "labs"
    with journal.opened("shop", labs) as opened:
        begin(opened)
        (opened.folder / "fw-a").mkdir()
        (opened.folder / "fw-a" / "bird.conf").write_text("")
        (opened.folder / "server.log").write_text("")
        opened.remove()
        assert not opened.exists
    assert not labs.exists()


def test_the_only_lab_need_not_be_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no lab is up; build one"):
        journal.chosen(None, tmp_path)
    (tmp_path / "shop").mkdir()
    assert journal.chosen(None, tmp_path) == "shop"
    assert journal.chosen("shop", tmp_path) == "shop"
    with pytest.raises(LabError, match="no lab is called shopp; there are shop"):
        journal.chosen("shopp", tmp_path)
    (tmp_path / "other").mkdir()
    with pytest.raises(LabError, match="name one with --lab: other, shop"):
        journal.chosen(None, tmp_path)
