"""A sample of the kills; five hundred by `make kills`."""

from __future__ import annotations

import sys

import pytest

from crash.kills import POINTS, FailedKillError, Killer, Tally
from ucompress.progress import PipelinePhase

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shim is for Linux")

A_FEW = 8


@pytest.fixture(scope="module")
def killer(tmp_path_factory):
    return Killer(tmp_path_factory.mktemp("kills").resolve(), 3, seed=1)


def test_a_killed_run_goes_on_to_the_same_bytes_and_leaves_nothing(killer):
    tally = Tally()
    killer.kill_until(A_FEW, tally)
    assert tally.failures == []
    assert tally.kills == A_FEW
    assert tally.jobs


def test_a_run_tells_its_phases(killer):
    killer._clear()
    killer._run_through()
    assert list(dict.fromkeys(killer.told.read_text().split())) == [phase.value for phase in PipelinePhase]
    assert killer._phase() == "completed"
    killer.told.unlink()
    assert killer._phase() == "before the first phase"


def test_an_undisturbed_run_comes_to_every_point(killer):
    assert [point for point in POINTS if not killer.counts[point]] == []


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
