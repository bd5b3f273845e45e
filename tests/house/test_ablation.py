"""Every part that an ablation turns off is really off, and what is written without it is given back."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import ucompress
from support import create_machine_code, tree_facts

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
HEADERS = Path(ucompress.__file__).parent / "_kernels"

if sys.platform == "win32":
    pytest.skip("what the tools take is measured with POSIX calls", allow_module_level=True)


def _module(name: str) -> Any:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
        assert spec and spec.loader
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


small_trees = _module("small_trees")
for needed in ("measure", "peers", "report", "run"):
    _module(needed)
parts = _module("parts")
ablation = _module("ablation")

Files = dict[str, bytes]


def mixed() -> Files:
    """Something for each part that small trees show, but for filters."""
    chance = small_trees.Chance(7)
    noise = chance.noise(8000)
    files = {
        f"same/{n}": b"a short text that several files have, shorter than a copy may be" for n in range(3)
    }
    files["hole"] = noise[:2000] + bytes(20_000) + noise[2000:3000]
    files["copy/a"] = noise[3000:] + chance.noise(500)
    files["copy/b"] = chance.noise(700) + noise[3000:]
    for number in range(200):
        files[f"folder{number // 2:03}/{'Makefile' if number % 2 else 'main.c'}"] = chance.name().encode()
    return files


def records() -> Files:
    return dict(small_trees.binary())


def machine_code() -> Files:
    return {"code": create_machine_code(60_000)}


def templates() -> Files:
    """Pages of sentences that many pages have, between 768 KiB and 1 MiB in all."""
    chance = small_trees.Chance(8)
    known = [chance.sentence() for _ in range(400)]
    return {
        f"{page:03}.html": "\n".join(known[chance.below(400)] for _ in range(60)).encode()
        for page in range(270)
    }


def shared() -> Files:
    """Pages of digits in several blocks, and in each some paragraphs that the others have, too."""
    chance = small_trees.Chance(9)
    known = [chance.noise(400).hex() for _ in range(60)]
    return {
        f"{page:03}.txt": "\n".join(
            known[chance.below(60)] if line % 5 == 0 else chance.noise(400).hex() for line in range(50)
        ).encode()
        for page in range(100)
    }


CASES: dict[str, tuple[Callable[[], Files], int]] = {
    "identical files": (mixed, 4),
    "holes": (mixed, 4),
    "long copies": (mixed, 4),
    "order: likeness": (mixed, 4),
    "order: at all": (mixed, 4),
    "large blocks": (templates, 4),
    "dictionary": (shared, 1),
    "filters": (records, 4),
    "filter of branches": (machine_code, 4),
    "filter of records": (records, 4),
    "dense known early": (mixed, 4),
    "table of names": (mixed, 4),
}
"""For each part of the pipeline a tree and a level that show it."""


def turn(part: Any, files: Files, level: int, folder: Path) -> tuple[dict[str, float], bytes]:
    """Pack and unpack; what was measured, and the archive."""
    tree, archive, copy = folder / "tree", folder / "archive.ucz", folder / "copy"
    for path, data in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(data)
    told = ablation.turn(part, level, tree, archive, copy)
    assert tree_facts(copy / "tree") == tree_facts(tree)
    return told, archive.read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Callable[[], Files], int], Any]:
    """`turn` with all parts, once for each tree and level."""
    known: dict[tuple[Callable[[], Files], int], Any] = {}

    def of(make: Callable[[], Files], level: int) -> Any:
        if (make, level) not in known:
            known[make, level] = turn(ablation.WHOLE, make(), level, tmp_path_factory.mktemp("whole"))
        return known[make, level]

    return of


@pytest.mark.parametrize("name", CASES)
def test_a_part_that_is_off_changes_the_archive_and_gives_the_tree_back(name, whole, tmp_path):
    make, level = CASES[name]
    before, bytes_before = whole(make, level)
    after, bytes_after = turn(parts.BY_NAME[name], make(), level, tmp_path)
    assert bytes_after != bytes_before
    gone = {"identical files": "saved_files", "dictionary": "dictionary_bytes"}.get(name)
    if gone:
        assert before[gone] > after[gone] == 0
    if name in ("holes", "long copies"):
        assert before["saved_segments"] > after["saved_segments"]
    if name == "large blocks":
        assert before["blocks"] < after["blocks"]
    if name.startswith("filter"):
        assert before["bytes"] < after["bytes"]


def test_references_are_off(tmp_path):
    from ucompress.pipeline.writing import groundwork

    with parts.BY_NAME["references"].off():
        assert groundwork.find_references(None, None, b"", None) == {}
    assert groundwork.find_references.__name__ == "find_references"


def test_no_part_of_the_pipeline_is_left_out():
    assert {part.name for part in parts.PIPELINE} == {*CASES, "references"}


def test_a_name_that_is_gone_is_an_error():
    part = parts.Part(
        "gone", "", parts.ALL, (parts.Patch("ucompress.pipeline.writing.groundwork.no_such_name", 0),)
    )
    with pytest.raises(AttributeError), part.off():
        pass


@pytest.mark.parametrize("part", [*parts.LZ_KERNEL, *parts.MIX_KERNEL], ids=lambda part: part.name)
def test_every_edit_finds_its_text_once(part):
    for edit in part.edits:
        assert edit.header.startswith(part.kernel)
        text = (HEADERS / edit.header).read_text(encoding="utf-8")
        assert edit.apply(text) != text


def test_text_that_is_gone_or_stands_twice_is_an_error():
    for text in ("nothing of it", "one one"):
        with pytest.raises(ValueError, match="times, not once"):
            parts.Edit("lz_models.h", "one", "two").apply(text)


@pytest.mark.long
@pytest.mark.parametrize("part", [parts.LZ_KERNEL[0], parts.MIX_KERNEL[1]], ids=lambda part: part.name)
def test_a_kernel_without_a_part_reads_what_it_writes(part, tmp_path):
    level = max(set(part.levels) & {6, 8})
    tree = small_trees.make_tree("code", tmp_path)
    package = parts.build(part, tmp_path / "built")
    with_it = ablation.turn(ablation.WHOLE, level, tree, tmp_path / "whole.ucz", tmp_path / "whole")
    without = ablation.measured(part, level, tree, package, tmp_path)
    assert without["bytes"] > with_it["bytes"]


def test_rows_are_kept_and_become_tables(tmp_path):
    raw = tmp_path / "raw.csv"
    figures = dict.fromkeys(ablation.MEASURED, 100)
    ablation.add_row(raw, "tree", 6, "whole", figures)
    ablation.add_row(raw, "tree", 6, "dictionary", {**figures, "bytes": 112, "extract_s": 80})
    rows = ablation.read_rows(raw)
    assert rows["tree", 6, "dictionary"]["bytes"] == 112
    text = ablation.tables(rows)
    assert "| dictionary | no block has a past | +12.00% |" in text
    assert "| dictionary | no block has a past | -20% |" in text
    assert "| references |" not in text


def test_a_turn_that_gives_another_tree_back_has_no_row(tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_bytes(b"content")
    with mock.patch.object(ablation, "measure"), pytest.raises(SystemExit, match="did not come back"):
        ablation.measured(ablation.WHOLE, 6, tree, tmp_path, tmp_path)
