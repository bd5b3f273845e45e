"""AddressSanitizer sees each end of the parts that coders cut of memory, and nothing of a former life."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

KERNELS = Path(__file__).parents[2] / "src" / "ucompress" / "_kernels"
PROGRAM = """
#include "pages.h"
#include "cutter.h"

#define SIZE ((size_t)1 << 22)

int main(int count, char **words)
{
    uc_cutter first = { uc_take_pages(2 * SIZE), 0 };
    uint8_t *part = uc_cut(&first, SIZE - 8);
    memset(part, 1, SIZE - 8);
    if (count > 1 && words[1][0] == 'e') {
        part[SIZE - 8] = 1;
    }
    uc_give_pages(first.base);
    if (count > 1 && words[1][0] == 'u') {
        return part[0];
    }
    part = uc_take_pages(2 * SIZE);
    memset(part, 1, 2 * SIZE);
    uc_give_pages(part);
    return 0;
}
"""


def build(folder: Path, source: str) -> Path | None:
    """The program with AddressSanitizer; None where it does not compile."""
    program = folder / "program"
    program.with_suffix(".c").write_text(source)
    compiler = os.environ.get("CC", "cc")
    words = [compiler, "-O1", "-fsanitize=address", "-D__SANITIZE_ADDRESS__", f"-I{KERNELS}"]
    done = subprocess.run(
        [*words, program.with_suffix(".c"), "-o", program], capture_output=True, check=False
    )
    return program if done.returncode == 0 else None


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sanitized")
    if build(folder, "int main(void) { return 0; }") is None:
        pytest.skip("the compiler has no AddressSanitizer")
    built = build(folder, PROGRAM)
    assert built is not None
    return built


def run(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    return subprocess.run(
        [program, *words], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_pages_taken_again_have_no_fences(program):
    done = run(program)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("act", "told"), [("end", "use-after-poison"), ("use", "heap-use-after-free")])
def test_what_leaves_a_part_or_comes_too_late_is_told(program, act, told):
    done = run(program, act)
    assert done.returncode != 0
    assert told in done.stderr
