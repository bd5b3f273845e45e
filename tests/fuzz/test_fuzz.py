"""A short run of every target: the same cases each time. `make fuzz` goes on from other seeds."""

import pytest

from fuzz import run

CASES = {
    "lz": 60,
    "mix-7": 60,
    "mix-8": 60,
    "mix-9": 20,
    "second-decoders": 30,
    "filters": 300,
    "blocks": 300,
    "round-trips": 20,
    "frames": 300,
    "samples": 300,
    "pages": 200,
    "directories": 500,
    "archives": 12,
    "references": 10,
    "records": 60,
    "databases": 4,
    "resumes": 6,
}


@pytest.mark.parametrize("target", run.TARGETS)
def test_mutated_input_is_decoded_or_refused(target: str) -> None:
    outcome = run.run_child(target, seed=1, cases=CASES[target])
    assert not outcome.failure, outcome.failure
    assert outcome.cases == CASES[target]


@pytest.mark.parametrize("harm", run.HARM)
def test_a_crash_a_hang_and_too_much_memory_are_failing_cases_with_a_number(harm: str) -> None:
    if harm == "greed" and not run.LIMITS_MEMORY:
        pytest.skip("memory is not limited here")
    outcome = run.run_child(harm, seed=3, first=7, cases=5, patience=0.5)
    assert f"--target {harm} --seed 3 --case 9" in outcome.failure
    assert outcome.cases == 2
