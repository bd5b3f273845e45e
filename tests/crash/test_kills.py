"""A sample of the kills; five hundred by `make kills`."""

from __future__ import annotations

import sys

import pytest

from crash.kills import FEW_BYTES, POINTS, SPILLING, FailedKillError, Killer, Tally
from ucompress.progress import PipelinePhase

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shim is for Linux")

A_FEW = 8


@pytest.fixture(scope="module")
def killer(tmp_path_factory):
    return Killer(tmp_path_factory.mktemp("kills").resolve(), 3, seed=1)


@pytest.fixture(scope="module")
def spilling(tmp_path_factory):
    return Killer(tmp_path_factory.mktemp("kills").resolve(), 3, seed=1, least=FEW_BYTES)


def test_a_killed_run_goes_on_to_the_same_bytes_and_leaves_nothing(killer):
    tally = Tally()
    killer.kill_until(A_FEW, tally)
    assert tally.failures == []
    assert tally.kills == A_FEW
    assert tally.jobs


@pytest.mark.parametrize("point", SPILLING)
def test_a_run_killed_while_columns_stand_in_files_goes_on_and_leaves_nothing(spilling, point):
    tally = Tally()
    spilling._clear()
    for turn in (1, 2):
        assert spilling._kill_at(point, 1 + spilling.counts[point] // (2 * turn), tally)
        spilling._check_kill()
    spilling._run_through()
    spilling._check_end()
    assert tally.points == {point: 2}


def test_columns_in_files_change_nothing(killer, spilling):
    assert killer.reference == spilling.reference
    assert killer.left == spilling.left


def test_a_run_tells_its_phases(killer):
    killer._clear()
    killer._run_through()
    assert list(dict.fromkeys(killer.told.read_text().split())) == [phase.value for phase in PipelinePhase]
    assert killer._phase() == "completed"
    killer.told.unlink()
    assert killer._phase() == "before the first phase"


def test_an_undisturbed_run_comes_to_every_point(killer):
    assert {point for point in POINTS if not killer.counts[point]} == SPILLING.keys()


def test_a_run_with_columns_in_files_comes_to_every_point(spilling):
    assert [point for point in POINTS if not spilling.counts[point]] == []


def test_what_is_left_behind_or_changed_is_seen(killer):
    killer._clear()
    killer._run_through()
    killer._check_end()
    (killer.state / ".draft-left").touch()
    with pytest.raises(FailedKillError, match="left behind"):
        killer._check_end()
    (killer.state / ".draft-left").unlink()
    killer.archive.write_bytes(killer.reference[:-1])
    with pytest.raises(FailedKillError, match="not the archive"):
        killer._check_kill()
    with pytest.raises(FailedKillError, match="other bytes"):
        killer._check_end()


@pytest.mark.long
@pytest.mark.parametrize("level", [3, 6, 8])
def test_many_kills(tmp_path, level):
    tally = Tally()
    Killer(tmp_path.resolve(), level, seed=2).kill_until(170, tally)
    assert tally.failures == []
