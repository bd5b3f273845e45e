"""Mutation fuzzing: a seed names every case, and a child process bears it.

    make fuzz SECONDS=600 SEED=7                                            all targets, in turn
    PYTHONPATH=src:tests python -m fuzz.run --target lz --seed 7 --case 12  one case again, here

A *target* makes a case of a `random.Random` and raises whatever should not happen (`codecs`, `archives`,
`databases`). A case depends on seed, target and number alone. `run` carries cases out in a child of bounded
memory, under a watchdog: a crash, a hang or too large an allocation is a failing case.

`make fuzz-guided` lets coverage choose the inputs: `native` has harnesses of the decoders in C, `parsers` has
targets that take bytes, and `guided` gives both kinds of targets in Python to Atheris. `corpus`
is what is kept.
"""
