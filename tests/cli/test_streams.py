"""What becomes of standard streams: nobody reads them, they are closed or full; and what `-` means."""

import json
import os
import random
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes and signals are others there")

COMMAND = [sys.executable, "-m", "ucompress"]
FULL = "/dev/full"


def to_nobody(*words, first=0) -> tuple[int, str]:
    """Exit code and stderr of a command whose reader takes some bytes and leaves."""
    line = [*COMMAND, *map(str, words)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    taken = 0
    while taken < first:
        taken += len(process.stdout.read(first - taken))
    process.stdout.close()
    told = process.stderr.read().decode()
    process.stderr.close()
    return process.wait(), told


def to_file(path, *words) -> tuple[int, str]:
    with open(path, "wb") as file:
        line = [*COMMAND, *map(str, words)]
        done = subprocess.run(line, stdout=file, stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stderr


def closed(*words, streams=">&-") -> tuple[int, str]:
    line = ["sh", "-c", f'exec "$@" {streams}', "sh", *COMMAND, *map(str, words)]
    done = subprocess.run(line, stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """A tree whose archive does not fit into a pipe."""
    tree = tmp_path_factory.mktemp("streams") / "tree"
    tree.mkdir()
    (tree / "noise").write_bytes(random.Random(1).randbytes(300_000))
    return tree


@pytest.fixture(scope="module")
def damaged(packed, tmp_path_factory):
    """An archive of which one block is damaged."""
    content = bytearray(packed[1].read_bytes())
    middle = len(content) // 2
    for at in range(middle, middle + 200):
        content[at] ^= 0xFF
    path = tmp_path_factory.mktemp("damaged") / "damaged.ucz"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("command", "first"),  # a dictionary fits into the pipe, whatever is read of it
    [("compress", 0), ("compress", 100), ("cat", 0), ("cat", 100), ("train", 0)],
)
def test_bytes_that_are_cut_are_no_success(packed, noise, command, first):
    words = {
        "compress": [noise, "-o", "-", "--database", ":memory:", "-1", "-q"],
        "cat": [packed[1], "tree/difficult/noise"],
        "train": [packed[0], "-o", "-", "-q"],
    }[command]
    code, told = to_nobody(command, *words, first=first)
    assert code == 1
    assert "is not whole" in told
    assert "Traceback" not in told and "Exception" not in told


@pytest.mark.parametrize("command", ["compress", "cat", "train"])
def test_bytes_for_a_stream_that_is_closed_are_no_success(packed, noise, command):
    words = {
        "compress": [noise, "-o", "-", "--database", ":memory:", "-1", "-q"],
        "cat": [packed[1], "tree/difficult/noise"],
        "train": [packed[0], "-o", "-", "-q"],
    }[command]
    code, told = closed(command, *words)
    assert (code, "standard output is closed" in told) == (1, True)


@pytest.fixture
def learned(packed, tmp_path):
    """A database with patterns and a job."""
    database = tmp_path / "p.db"
    words = ["compress", packed[0], "-o", tmp_path / "a.ucz", "--database", database, "-1", "-q"]
    assert closed(*words) == (0, "")
    return database


NOWHERE = (1, "ucompress: standard output is closed: there is nowhere to write to\n")


@pytest.mark.parametrize("json", [[], ["--json"]], ids=["text", "json"])
def test_what_is_shown_on_a_stream_that_is_closed_is_no_success(packed, learned, json):
    for words in (["list", packed[1]], ["info", packed[1]]):
        assert closed(*words, *json) == NOWHERE
    for words in (["patterns"], ["status"], ["db", "info"]):
        assert closed(*words, "--database", learned, *json) == NOWHERE
    assert closed("list", packed[1], *json, streams="<&- >&-") == NOWHERE
    assert closed("list", packed[1], *json, streams="<&- >&- 2>&-") == (1, "")


@pytest.mark.parametrize("json", [[], ["--json"]], ids=["text", "json"])
def test_what_else_is_done_counts_where_standard_output_is_closed(packed, learned, damaged, tmp_path, json):
    assert closed("verify", packed[1], *json)[0] == 0
    assert closed("verify", damaged, *json)[0] == 21
    assert closed("extract", packed[1], "-C", tmp_path / "out", *json)[0] == 0
    assert closed("analyze", packed[0], "--database", learned, *json)[0] == 0
    assert closed("db", "vacuum", "--database", learned, *json)[0] == 0
    assert closed("repair", packed[1], "-o", tmp_path / "mended.ucz", *json)[0] == 0


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["list", "--help"]], ids=" ".join)
def test_answers_that_nobody_gets_are_no_success(words):
    assert closed(*words) == NOWHERE


@pytest.mark.skipif(not os.path.exists(FULL), reason="no such device")
@pytest.mark.parametrize("words", [[], ["--version"], ["--help"], ["list", "--help"]], ids=" ".join)
def test_answers_that_do_not_fit_are_told_in_a_sentence(words):
    code, told = to_file(FULL, *words)
    assert code == 1
    assert told.startswith("ucompress: cannot write standard output: ")
    assert told.count("\n") == 1


@pytest.mark.parametrize("command", ["verify", "list", "info", "extract", "compress", "cat"])
@pytest.mark.parametrize("streams", ["<&-", "<&- >&-"], ids=["input", "both"])
def test_standard_input_that_is_closed_is_told(tmp_path, command, streams):
    more = {"extract": ["-C", tmp_path / "out"], "compress": ["-o", tmp_path / "a.ucz"], "cat": ["member"]}
    code, told = closed(command, "-", *more.get(command, []), streams=streams)
    assert code == 1
    assert told.startswith("ucompress: standard input is closed: send ")
    assert told.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("json", [[], ["--json"]], ids=["text", "json"])
def test_a_verdict_counts_whoever_reads_it(damaged, tmp_path, json):
    assert to_nobody("verify", damaged, *json)[0] == 21
    code, _ = to_nobody("extract", damaged, "-C", tmp_path / "out", *json)
    assert code == 21
    assert (tmp_path / "out" / "tree").is_dir()


def test_what_is_packed_is_packed_whoever_reads_of_it(noise, tmp_path):
    archive = tmp_path / "a.ucz"
    words = ["compress", noise, "-o", archive, "--database", ":memory:", "-1", "--json"]
    code, told = to_nobody(*words)
    assert (code, told) == (0, "")
    assert archive.exists()


def test_a_listing_may_be_left_early(packed):
    assert to_nobody("list", packed[1], "--json") == (0, "")


@pytest.mark.parametrize("where", ["nobody", "closed", "full"])
@pytest.mark.parametrize(
    ("words", "expected"),
    [(["compress", "missing"], 1), (["compress", "--bogus"], 2), (["list", "missing"], 1), (["list"], 2)],
)
def test_a_failure_that_nobody_reads_is_that_failure(words, expected, where):
    if where == "full" and not os.path.exists(FULL):
        pytest.skip("no such device")
    run = {"nobody": to_nobody, "closed": closed, "full": lambda *words: to_file(FULL, *words)}[where]
    code, told = run(*words, "--json")
    assert code == expected
    assert "Traceback" not in told and "Exception ignored" not in told


def test_a_signal_while_the_archive_goes_out_says_that_it_is_not_whole(noise):
    line = [*COMMAND, "compress", noise, "-o", "-", "--database", ":memory:", "-1", "-q"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(1000)
    process.send_signal(signal.SIGTERM)
    told = process.stderr.read().decode()
    for stream in (process.stdout, process.stderr):
        stream.close()
    assert process.wait() == 143
    assert "what standard output got of the archive is not whole" in told


def test_a_file_named_dash_is_no_stream(ucompress, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-").write_bytes(b"a file")
    assert ucompress("compress", "./-", "-o", "a.ucz", "-q").code == 0
    assert ucompress("list", "a.ucz").out == b"-\n"
    assert ucompress("compress", "a.ucz", "-o", "./-", "--force", "-q").out == b""
    for spelled in ("./-", ".//-"):
        assert ucompress("list", spelled).out == b"a.ucz\n"
        assert ucompress("list", "--long", spelled, "-0").code == 0


def test_a_file_named_as_what_keeps_nothing(ucompress, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(b"x")
    assert ucompress("analyze", "file", "--database", "./:memory:", "-q").code == 0
    assert (tmp_path / ":memory:").is_file()


@pytest.mark.parametrize("command", ["repair", "verify"])
def test_commands_that_write_a_file_refuse_a_dash(ucompress, packed, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    words = {"repair": ["-o", "-"], "verify": ["--for", "1", "--position", "-"]}[command]
    done = ucompress(command, packed[1], *words, "--json")
    assert done.code == 2
    assert json.loads(done.out)["kind"] == "UsageError"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["-qv"], ["-q", "-v"], ["--verbose"]], ids=" ".join)
def test_causes_are_told_however_that_is_asked_for(ucompress, tmp_path, words):
    assert "caused by FileNotFoundError" in ucompress("compress", tmp_path / "missing", *words).err
    assert "caused by" not in ucompress("compress", tmp_path / "missing", "-q").err
    (tmp_path / "-v").mkdir()
    assert "caused by" not in ucompress("compress", "-q", tmp_path / "missing", "--", "-v").err
    assert "caused by" not in ucompress("compress", tmp_path / "missing", "-o", tmp_path / "-v/-qv").err


def test_a_value_that_looks_like_a_flag_asks_for_nothing(ucompress, tmp_path):
    done = ucompress("compress", tmp_path / "missing", "--database=x", "--exclude", "a", "-q", "-o=--json")
    assert done.out == b""
    done = ucompress("list", tmp_path / "missing", "--", "--json")
    assert (done.code, done.out) == (1, b"")
