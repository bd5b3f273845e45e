"""An archive that is to be read back gets its name only if it does read back."""

import pytest

from support import fill_codebase
from tests.pipeline.runs import pack
from ucompress.archive import Archive, ArchiveWriter
from ucompress.codec.block import BlockCompressor, BlockDecompressor
from ucompress.errors import CorruptArchiveError, InterruptedJobError
from ucompress.pipeline import orchestrator as module
from ucompress.pipeline.writing.assembly import Assembly


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


@pytest.fixture
def many_blocks(tmp_path):
    """A tree whose files fill several blocks."""
    tree = tmp_path / "tree"
    fill_codebase(tree, 12, 400_000)
    return tree


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("level", [3, 6])
def test_a_codec_that_is_wrong_loses_nothing(many_blocks, tmp_path, monkeypatch, level, verify):
    sound = BlockCompressor.compress

    def faulty(self, data, reference=None):
        codec_id, payload = sound(self, data, reference)
        return codec_id, payload[:-1] if len(data) > 100_000 else payload

    with monkeypatch.context() as patch:
        patch.setattr(BlockCompressor, "compress", faulty)
        result, _ = pack(many_blocks, tmp_path / "a.ucz", level=level, verify=verify)
    assert any("did not decode to its own bytes" in warning for warning in result.warnings)
    assert sum("is made again" in warning for warning in result.warnings) == verify
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.verify().ok
        for path in many_blocks.rglob("*"):
            if path.is_file():
                assert archive.read(str(path.relative_to(tmp_path))) == path.read_bytes()


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("level", [3, 6])
def test_a_block_is_decoded_once(many_blocks, tmp_path, monkeypatch, level, verify):
    """When it is coded, or when the archive is read back; both times only what others are coded after."""
    decode, decoded = BlockDecompressor.decompress, []

    def telling(self, codec_id, payload, *arguments):
        decoded.append(payload)
        return decode(self, codec_id, payload, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(BlockDecompressor, "decompress", telling)
        result, _ = pack(many_blocks, tmp_path / "a.ucz", level=level, verify=verify, threads=1)
    with Archive(tmp_path / "a.ucz") as archive:
        numbers = range(result.statistics.blocks)
        references = [archive._directory.blocks.reference(number) for number in numbers]
        counts = [decoded.count(archive._blocks._read(number)[1]) for number in numbers]
    assert len(counts) > 2
    assert any(reference is not None for reference in references) == (level == 6)
    assert counts == [1 + (verify and number in references) for number in numbers]


@pytest.mark.parametrize(
    ("runs", "taken_over"),
    [
        ([True, True], True),
        ([False, True], True),
        ([False, False], True),
        ([True, False], False),
        ([False, True, False], False),
    ],
)
def test_blocks_that_nobody_decoded_are_taken_over_only_to_be_read_back(
    many_blocks, tmp_path, monkeypatch, runs, taken_over
):
    reference = pack(many_blocks, tmp_path / "r.ucz", level=3)[1]
    append = Assembly._append
    for verify in runs[:-1]:
        left = [1]

        def cut_off(self, writer, block, left=left):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return append(self, writer, block)

        with monkeypatch.context() as patch:
            patch.setattr(Assembly, "_append", cut_off)
            with pytest.raises(InterruptedJobError):
                pack(many_blocks, tmp_path / "a.ucz", level=3, database=tmp_path / "p.db", verify=verify)
    result, data = pack(many_blocks, tmp_path / "a.ucz", level=3, database=tmp_path / "p.db", verify=runs[-1])
    assert data == reference
    assert (result.statistics.blocks_resumed > 0) == taken_over
