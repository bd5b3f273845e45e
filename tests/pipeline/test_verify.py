"""An archive that is to be read back gets its name only if it does read back."""

import pytest

from support import fill_codebase
from tests.pipeline.runs import pack
from ucompress.archive import ArchiveWriter
from ucompress.errors import CorruptArchiveError, InterruptedJobError
from ucompress.pipeline import orchestrator as module


def test_the_bytes_are_the_same_with_and_without(tmp_path):
    fill_codebase(tmp_path / "tree", 30, 2000)
    plain = pack(tmp_path / "tree", tmp_path / "a.ucz", verify=False)[1]
    assert pack(tmp_path / "tree", tmp_path / "a.ucz", verify=True, recovery=0)[1] == plain


@pytest.mark.parametrize("level", range(1, 10))
def test_an_archive_is_read_back_unless_that_takes_as_long_as_packing(tmp_path, read_back, level):
    fill_codebase(tmp_path / "tree", 3, 200)
    pack(tmp_path / "tree", tmp_path / "a.ucz", level=level)
    assert read_back == ([str(tmp_path / ".a.ucz.partial")] if level <= 6 else [])


@pytest.mark.parametrize("level", [3, 6])
def test_what_does_not_read_back_gets_no_name_and_is_written_again(tmp_path, monkeypatch, level):
    tree, output, database = tmp_path / "tree", tmp_path / "a.ucz", tmp_path / "p.db"
    fill_codebase(tree, 30, 2000)
    reference = pack(tree, output, level=level)[1]
    output.unlink()
    finish = ArchiveWriter.finish

    def failing_disk(writer, *arguments, **options):
        totals = finish(writer, *arguments, **options)
        at = writer._blocks.at[0] + 60
        with writer._path.open("r+b") as file:
            file.seek(at)
            file.write(bytes(8))
        return totals

    monkeypatch.setattr(ArchiveWriter, "finish", failing_disk)
    with pytest.raises(CorruptArchiveError, match="got no name"):
        pack(tree, output, level=level, database=database, verify=True)
    assert not output.exists()
    monkeypatch.undo()
    assert pack(tree, output, level=level, database=database, verify=True)[1] == reference


@pytest.mark.parametrize("damaged", [False, True])
def test_an_archive_that_a_killed_run_had_finished_is_read_back_too(
    tmp_path, monkeypatch, read_back, damaged
):
    tree, output, database = tmp_path / "tree", tmp_path / "a.ucz", tmp_path / "p.db"
    fill_codebase(tree, 30, 2000)

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "summarize", killed)
        with pytest.raises(InterruptedJobError):
            pack(tree, output, level=1, database=database, verify=False)
    reference = output.read_bytes()
    if damaged:
        output.write_bytes(reference.replace(reference[-3000:-2900], bytes(100)))
    result, data = pack(tree, output, level=1, database=database, verify=True)
    assert data == reference
    partial = str(tmp_path / ".a.ucz.partial")
    assert read_back == ([str(output), partial] if damaged else [str(output)])
    assert (result.statistics.blocks_resumed == 0) == damaged
    assert any("is made again" in warning for warning in result.warnings) == damaged
