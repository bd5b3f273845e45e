"""Carries cases out, in child processes with bounded memory and a watchdog.

python -m fuzz.run [--seconds N] [--seed S] [--target NAME]...      until the time is over
python -m fuzz.run --target NAME --seed S --case NUMBER             one case, in this process
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

Case = Callable[[Random], None]

MEMORY = 3 << 30
"""Bytes of address space that a child has; a sanitizer needs all there is."""

LIMITS_MEMORY = sys.platform == "linux" and "asan" not in os.environ.get("LD_PRELOAD", "")

PATIENCE = 60
"""Seconds of processor time after which one case counts as a hang: the slowest takes less than one."""

STANDSTILL = 10
"""So many times as many seconds by the clock, where a machine may have other work to do."""

TARGETS = {
    "lz": "codecs:lz",
    "mix-7": "codecs:mix_7",
    "mix-8": "codecs:mix_8",
    "mix-9": "codecs:mix_9",
    "second-decoders": "codecs:second_decoders",
    "filters": "codecs:filters",
    "blocks": "codecs:blocks",
    "round-trips": "codecs:round_trips",
    "frames": "codecs:frames",
    "samples": "codecs:samples",
    "pages": "archives:pages",
    "directories": "archives:directories",
    "archives": "archives:archives",
    "references": "archives:references",
    "records": "records:records",
    "databases": "databases:databases",
    "resumes": "databases:resumes",
}
"""Module and function of each target: a child imports no more than it needs."""

HARM = {
    "crash": os.abort,
    "hang": partial(max, count()),
    "standstill": partial(time.sleep, 1 << 20),
    "greed": partial(bytearray, 4 << 30),
}
"""What may happen to a child, for the tests of this runner: each harms its third case."""


@dataclass
class Outcome:
    """What a child did.

    Attributes:
        target, seed: whose cases.
        cases: how many were done.
        cpu: seconds of processor time that they took, preparation included.
        failure: what the failing case said, and how to see it again; empty without one.
    """

    target: str
    seed: int
    cases: int = 0
    cpu: float = 0.0
    failure: str = ""


def run_child(
    target: str,
    seed: int,
    *,
    first: int = 0,
    cases: int = 0,
    seconds: float = 0.0,
    patience: float = PATIENCE,
) -> Outcome:
    """Carry out `cases` cases, or as many as `seconds` allow, in a child process."""
    outcome = Outcome(target, seed)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as work:
        progress = Path(work) / "progress"
        command = [sys.executable, "-m", "fuzz.run", "--child", str(progress), "--target", target]
        command += ["--seed", str(seed), "--first", str(first)]
        command += ["--cases", str(cases), "--seconds", str(seconds), "--patience", str(patience)]
        paths = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
        environment = {**os.environ, "PYTHONPATH": paths, "TMPDIR": work, "UCOMPRESS_STATE_DIR": work}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=work, check=False)
        state = json.loads(progress.read_text()) if progress.exists() else {"case": -1, "cpu": 0.0}
    outcome.cases, outcome.cpu = max(0, state["case"] - first), state["cpu"]
    if done.returncode:
        again = f"python -m fuzz.run --target {target} --seed {seed} --case {state['case']}"
        outcome.failure = f"{again}\nexit status {done.returncode}\n{done.stderr[-6000:]}"
    return outcome


def _bear(options: argparse.Namespace) -> int:
    """The child: cases one after the other, each announced before it begins."""
    faulthandler.enable()
    if hasattr(signal, "setitimer"):
        faulthandler.register(signal.SIGPROF, chain=True)  # and then the process ends
    _limit_memory()
    (target,) = options.target
    case = _harmful(target) if target in HARM else _target(target)
    end = time.monotonic() + options.seconds
    number = options.first
    with options.child.open("w") as announced:
        while number < options.first + options.cases if options.cases else time.monotonic() < end:
            _announce(announced.fileno(), number)
            _be_patient(options.patience)
            try:
                case(Random(f"{target}/{options.seed}/{number}"))
            except BaseException:
                traceback.print_exc()
                return 1
            number += 1
        _announce(announced.fileno(), number)
    faulthandler.cancel_dump_traceback_later()
    return 0


def _be_patient(seconds: float) -> None:
    """End the process, with a traceback, unless this is called again in time."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)
    faulthandler.dump_traceback_later(STANDSTILL * seconds, exit=True)


def _target(name: str) -> Case:
    module, function = TARGETS[name].split(":")
    made: Case = getattr(importlib.import_module(f"fuzz.{module}"), function)()
    return made


def _harmful(harm: str) -> Case:
    numbers = count(1)

    def case(pick: Random) -> None:
        if next(numbers) == 3:
            HARM[harm]()

    return case


def _announce(descriptor: int, number: int) -> None:
    line = json.dumps({"case": number, "cpu": round(time.process_time(), 3)}).encode().ljust(64)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, line)


def _limit_memory() -> None:
    if LIMITS_MEMORY:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _fuzz(names: list[str], seed: int, seconds: float) -> int:
    """Turns of all targets until the time is over, or Ctrl-C; failing cases are told, and passed over."""
    totals = {name: Outcome(name, seed) for name in names}
    with contextlib.suppress(KeyboardInterrupt):
        _take_turns(names, seed, seconds, totals)
    for name, total in totals.items():
        print(
            f"{name:16} {total.cases:10,} cases {total.cpu:10.1f} s of CPU{'  FAILED' * bool(total.failure)}"
        )
    cases, cpu = sum(total.cases for total in totals.values()), sum(total.cpu for total in totals.values())
    print(f"{'in all':16} {cases:10,} cases {cpu:10.1f} s of CPU")
    return any(total.failure for total in totals.values())


def _take_turns(names: list[str], seed: int, seconds: float, totals: dict[str, Outcome]) -> None:
    end = time.monotonic() + seconds
    turn = min(20.0, max(2.0, seconds / len(names)))
    following = dict.fromkeys(names, 0)
    while time.monotonic() < end:
        for name in names:
            left = end - time.monotonic()
            if left <= 0:
                break
            done = run_child(name, seed, first=following[name], seconds=min(turn, left))
            following[name] += done.cases
            totals[name].cases += done.cases
            totals[name].cpu += done.cpu
            if done.failure:
                totals[name].failure += done.failure
                following[name] += 1
                print(f"{name}: FAILED\n{done.failure}", flush=True)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", action="append", choices=[*TARGETS, *HARM])
    parser.add_argument("--case", type=int, help="one case, here")
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--cases", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--patience", type=float, default=PATIENCE, help=argparse.SUPPRESS)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.target or list(TARGETS)
    if options.child is not None:
        return _bear(options)
    if options.case is not None:
        for name in names:
            _target(name)(Random(f"{name}/{options.seed}/{options.case}"))
        return 0
    return _fuzz(names, options.seed, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
