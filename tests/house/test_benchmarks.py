"""What stands in the tables of a benchmark was given back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.skipif(sys.platform == "win32", reason="the tools are run by a POSIX shell")
def test_only_a_turn_that_gave_its_corpus_back_has_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import peers
    import run
    from measure import CommandFailedError

    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "file").write_bytes(b"content")
    log = run.Log(tmp_path / "raw.csv")
    pack, unpack = "tar -C {parent} -cf {out} {tree}", "tar -C {dir} -xf {out}"
    with pytest.raises(CommandFailedError):
        run.turn(peers.Tool("fails", "tar", pack, "false"), corpus, 0, log, tmp_path, tmp_path)
    with pytest.raises(SystemExit):
        run.turn(peers.Tool("lies", "tar", pack, "true"), corpus, 0, log, tmp_path, tmp_path)
    run.turn(peers.Tool("works", "tar", pack, unpack), corpus, 0, log, tmp_path, tmp_path)
    log.close()
    rows = [line.split(",")[:4] for line in (tmp_path / "raw.csv").read_text().splitlines()[1:]]
    assert rows == [["corpus", "works", "0", "compress"], ["corpus", "works", "0", "extract"]]
    again = run.Log(tmp_path / "raw.csv")
    assert again.has("corpus", "works", 0) and not again.has("corpus", "fails", 0)
    again.close()


def test_the_source_distribution_holds_what_the_tests_need() -> None:
    manifest = (BENCHMARKS.parent / "MANIFEST.in").read_text().splitlines()
    assert {f"graft {name}" for name in ("src", "tests", "docs", "scripts", "benchmarks")} <= set(manifest)
