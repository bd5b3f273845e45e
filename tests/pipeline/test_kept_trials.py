"""A dictionary that an interrupted run has made is not made again, nor what of it was tried."""

import random
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta

import pytest

from tests.pipeline.runs import configuration, pack
from ucompress import dictionary
from ucompress.database import PatternDatabase
from ucompress.pipeline.orchestrator import PipelineOrchestrator
from ucompress.pipeline.running.savepoint import Savepoint
from ucompress.pipeline.writing import groundwork
from ucompress.pipeline.writing.kept_trials import TRIALS, KeptTrials

LEVEL = 4
KILLED = """
import os, signal, sys
from tests.pipeline.runs import pack
from ucompress.pipeline.writing.kept_trials import KeptTrials

note = KeptTrials.note

def killed(trials):
    note(trials)
    if len(trials.gains) == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)

KeptTrials.note = killed
pack(sys.argv[1], sys.argv[2], database=sys.argv[3], checkpoint=1e-6, level=4)
"""


def write_words(tree):
    """3 MiB of text in blocks with phrases in common: some sizes of a dictionary are worth a trial."""
    tree.mkdir()
    rng = random.Random(7)

    def letters(low, high):
        return bytes(rng.choices(b"abcdefghijklmnop ", k=rng.randint(low, high)))

    phrases = [letters(40, 90) for _ in range(4000)]
    for number in range(48):
        parts = [part for _ in range(450) for part in (rng.choice(phrases), letters(40, 120))]
        (tree / f"{number:02}.txt").write_bytes(b"".join(parts))


@contextmanager
def sizes_tried():
    """A list that receives the sizes of the suffixes that are coded from now on."""
    sizes, gain = [], dictionary._Trials.gain

    def noted(trials, size):
        if size and size not in trials._known:
            sizes.append(size)
        return gain(trials, size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dictionary._Trials, "gain", noted)
        yield sizes


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A tree, its archive's bytes, and the sizes of dictionaries that were tried for it."""
    folder = tmp_path_factory.mktemp("words")
    write_words(folder / "tree")
    with sizes_tried() as sizes:
        reference = pack(folder / "tree", folder / "a.ucz", level=LEVEL)[1]
    assert len(sizes) >= 2
    return folder / "tree", reference, sizes


@pytest.mark.parametrize("trials_before_the_kill", [0, 1])
def test_a_kill_while_the_dictionary_is_chosen_repeats_nothing_that_was_saved(
    packed, tmp_path, monkeypatch, trials_before_the_kill
):
    tree, reference, all_sizes = packed
    output, database = tmp_path / "a.ucz", tmp_path / "p.db"
    arguments = [tree, output, database, trials_before_the_kill]
    child = subprocess.run([sys.executable, "-c", KILLED, *map(str, arguments)], timeout=60, check=False)
    assert child.returncode == -signal.SIGKILL
    monkeypatch.setattr(groundwork, "_largest_dictionary", None)  # a call would be an error
    config = configuration(tree, output, database=database, level=LEVEL)
    with sizes_tried() as tried:
        PipelineOrchestrator(config).resume_from_checkpoint()
    assert output.read_bytes() == reference
    assert tried == all_sizes[trials_before_the_kill:]
    with PatternDatabase(database) as opened:
        assert not opened._connection.query("SELECT 1 FROM artifacts WHERE name = ?", (TRIALS,))


def savepoint(database, interval=0):
    return Savepoint(database.cache, b"corpus", TRIALS, timedelta(seconds=interval))


def test_what_was_tried_comes_back_with_its_dictionary():
    with PatternDatabase(":memory:") as database:
        trials = KeptTrials(savepoint(database))
        assert (trials.dictionary, trials.gains) == (None, {})
        trials.dictionary = bytes(range(100))
        trials.gains.update({64: -5, 100: 7})
        trials.note()
        again = KeptTrials(savepoint(database))
        assert (again.dictionary, again.gains) == (trials.dictionary, trials.gains)
        trials.forget()
        assert KeptTrials(savepoint(database)).dictionary is None


@pytest.mark.parametrize(
    "stored", [b"", b"\x01", b"\x09\0\0\0" + bytes(32), b"\x01\0\0\0\x05" + bytes(15) + b"four"]
)
def test_what_is_no_state_of_trials_is_none(stored):
    with PatternDatabase(":memory:") as database:
        database.cache.store_artifact(b"corpus", TRIALS, stored)
        assert KeptTrials(savepoint(database)).dictionary is None


def test_trials_are_saved_when_they_are_due():
    with PatternDatabase(":memory:") as database:
        trials = KeptTrials(savepoint(database, interval=3600))
        trials.dictionary = b"x"
        trials.note()
        assert KeptTrials(savepoint(database)).dictionary is None
