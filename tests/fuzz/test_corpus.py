"""What guided fuzzing has kept, and the seeds it begins from, by Python's door: it takes no compiler."""

from pathlib import Path

import pytest

from fuzz import guided, natives, parsers

CORPUS = Path(__file__).with_name("corpus")
TARGETS = natives.TARGETS | parsers.TARGETS


@pytest.fixture(scope="module")
def seeds() -> dict[str, list[bytes]]:
    return natives.seeds() | parsers.seeds()


@pytest.mark.parametrize("target", TARGETS)
def test_inputs_that_were_kept_are_decoded_or_refused(target: str, seeds: dict[str, list[bytes]]) -> None:
    kept = sorted((CORPUS / target).iterdir())
    assert kept
    for path in kept:
        try:
            TARGETS[target](path.read_bytes())
        except Exception as error:
            error.add_note(str(path))
            raise
    for data in seeds[target]:
        TARGETS[target](data)


def test_every_folder_of_the_corpus_has_a_target_and_every_harness_a_door() -> None:
    assert {path.name for path in CORPUS.iterdir()} == TARGETS.keys()
    harnesses = {path.stem for path in CORPUS.with_name("native").glob("*_*.c")} - {"mix_coders"}
    assert harnesses == natives.TARGETS.keys()
    assert set(guided.PARSERS) == parsers.TARGETS.keys()


def test_choices_are_read_from_the_bytes_and_go_on_after_them() -> None:
    pick = guided.Choices(b"\3\0\0\0\1")
    assert pick.randrange(256) == 3 + 256 * 0
    assert [guided.Choices(b"\5\0").choice("abcdefgh") for _ in range(2)] == ["f", "f"]
    assert guided.Choices(b"").randbytes(40) == guided.Choices(b"").randbytes(40)
    assert guided.Choices(b"\0" * 9).random() == 0.0
