"""compress, analyze, patterns, status and resume."""

import base64
import io
import json
import os
import subprocess
import sys

import pytest

from support import SIGNATURE, close_folders, create_pattern_heavy_files, fill_codebase, tree_facts
from ucompress.database import file_rows


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder to stand in, with a small tree."""
    fill_codebase(tmp_path / "tree", 40, 1500)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class FakeStdin:
    def __init__(self, content):
        self.buffer = io.BytesIO(content)

    def isatty(self):
        return False


def documents(outcome):
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_the_archive_stands_beside_its_input(ucompress, work):
    done = ucompress("compress", "tree")
    assert (done.code, done.out) == (0, b"")
    assert (work / "tree.ucz").is_file()
    assert ucompress("extract", "tree.ucz", "-C", "out").code == 0
    assert tree_facts(work / "out" / "tree") == tree_facts(work / "tree")


@pytest.mark.parametrize("level", ["-1", "-3", "-4", "--level=6", "-8"])
def test_levels_round_trip(ucompress, work, level):
    assert ucompress("compress", level, "tree", "-o", "a.ucz").code == 0
    assert json.loads(ucompress("info", "--json", "a.ucz").out)["level"] == int(level[-1])
    assert ucompress("verify", "a.ucz").code == 0


@pytest.mark.parametrize("level", ["--level=10", "--level=0"])
def test_levels_that_do_not_exist_are_refused(ucompress, work, level):
    done = ucompress("compress", level, "tree")
    assert done.code == 2
    assert "does not exist" in done.err
    assert not (work / "tree.ucz").exists()


def test_names_after_two_dashes_are_names(ucompress, work):
    (work / "-6").write_bytes(b"six")
    assert ucompress("compress", "-o", "six.ucz", "--", "-6").code == 0
    assert ucompress("cat", "six.ucz", "--", "-6").out == b"six"
    assert ucompress("compress", "tree", "-o", "-6.ucz", "--exclude", "-6", "--database", "-7").code == 0
    assert ucompress("compress", "tree", "-o", "-5", "-1").code == 0
    assert ucompress("info", "--", "-5").code == 0
    assert ucompress("extract", "six.ucz", "-C", "-3").code == 0
    assert (work / "-3" / "-6").read_bytes() == b"six"
    assert not list(work.glob("--*"))


def test_the_folder_one_stands_in(ucompress, work, monkeypatch):
    monkeypatch.chdir(work / "tree")
    assert ucompress("compress", ".").code == 0
    names = ucompress("list", work / "tree.ucz").out.split()
    assert b"tree/package000" in names
    assert not any(b"compression_patterns" in name for name in names)


def test_several_inputs_need_a_name(ucompress, work):
    (work / "other").write_bytes(b"x")
    done = ucompress("compress", "tree", "other")
    assert done.code == 2
    assert "-o" in done.err
    assert ucompress("compress", "tree", "other", "-o", "both.ucz").code == 0
    assert b"other" in ucompress("list", "both.ucz").out.split()


def test_an_older_archive_is_replaced_and_any_other_file_is_not(ucompress, work):
    assert ucompress("compress", "tree", "-o", "a.ucz").code == 0
    assert ucompress("compress", "tree", "-o", "a.ucz").code == 0
    (work / "notes").write_bytes(b"years of work")
    done = ucompress("compress", "tree", "-o", "notes")
    assert done.code == 1
    assert "left alone" in done.err
    assert (work / "notes").read_bytes() == b"years of work"
    assert ucompress("compress", "tree", "-o", "notes", "--force").code == 0
    assert ucompress("verify", "notes").code == 0


def test_a_missing_input_leaves_nothing_behind(ucompress, work):
    done = ucompress("compress", "tree", "missing", "-o", "a.ucz")
    assert done.code == 1
    assert "missing" in done.err
    assert not (work / "a.ucz").exists()


@pytest.mark.parametrize("command", [["compress", "-o", "a.ucz"], ["analyze"]], ids=lambda c: c[0])
def test_what_cannot_be_read_is_named_and_the_rest_goes_on(ucompress, work, monkeypatch, command):
    close_folders(monkeypatch, b"package001")
    for option in ((), ("-q",)):
        done = ucompress(*command, *option, "tree")
        assert done.code == 3
        assert "tree/package001" in done.err
        assert "Permission denied" in done.err
    monkeypatch.undo()
    if command[0] == "compress":
        names = ucompress("list", work / "a.ucz").out.split()
        assert b"tree/package001" in names
        assert any(name.startswith(b"tree/package000/") for name in names)


def test_include_exclude_and_gitignore(ucompress, work):
    (work / "tree" / ".gitignore").write_bytes(b"*.json\n")
    ucompress("compress", "tree", "-o", "a.ucz", "--include", "*.py", "--include", "*.json", "--gitignore")
    names = ucompress("list", "a.ucz").out.split()
    assert any(name.endswith(b".py") for name in names)
    assert not any(name.endswith((b".json", b".c")) for name in names)
    ucompress("compress", "tree", "-o", "b.ucz", "--exclude", "*.py")
    assert not any(name.endswith(b".py") for name in ucompress("list", "b.ucz").out.split())


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_a_line_of_gitignore_that_is_no_pattern_is_a_warning(ucompress, work, quiet):
    (work / "tree" / ".gitignore").write_bytes(b"*.json\nfoo\\\n")
    done = ucompress("compress", "tree", "-o", "a.ucz", "--gitignore", *quiet)
    assert done.code == 0
    assert "ucompress: tree/.gitignore: line 2 is no pattern" in done.err
    assert not any(name.endswith(b".json") for name in ucompress("list", "a.ucz").out.split())
    done = ucompress("compress", "tree", "-o", "a.ucz", "--gitignore", "--json", *quiet)
    (told,) = (row for row in documents(done) if row["type"] == "notice" and row["severity"] == "warning")
    assert "line 2 is no pattern" in told["message"]


@pytest.mark.parametrize("command", ["compress", "analyze"])
def test_an_option_that_is_no_pattern_is_a_usage_error(ucompress, work, command):
    done = ucompress(command, "tree", "--exclude", "[z-a")
    assert (done.code, [path.name for path in work.iterdir()]) == (2, ["tree"])
    assert "not a gitignore-style pattern: [z-a (a bracket is not closed)" in done.err
    for words in (["--exclude", ""], ["--exclude", "*.c", "--exclude", " "], ["--include="]):
        done = ucompress(command, "tree", *words)
        assert (done.code, [path.name for path in work.iterdir()]) == (2, ["tree"])
        assert "(it names nothing)" in done.err


def test_full_content_hashes(ucompress, work):
    ucompress("compress", "tree", "-o", "a.ucz", "--content-hash")
    digests = {
        row["digest"] for row in documents(ucompress("list", "--json", "a.ucz")) if row["kind"] == "file"
    }
    assert {len(digest) for digest in digests} == {64}


def test_json_lines_end_with_a_summary(ucompress, work):
    rows = documents(ucompress("compress", "tree", "--json"))
    assert rows[-1]["type"] == "summary"
    assert rows[-1]["archive_bytes"] == (work / "tree.ucz").stat().st_size
    assert [row["phase"] for row in rows if row["type"] == "phase"][:2] == ["initializing", "scanning_files"]


def test_errors_are_json_too_when_asked(ucompress, work):
    row = documents(ucompress("compress", "missing", "--json"))[-1]
    assert (row["type"], row["fatal"], row["kind"], row["exit_code"]) == ("error", True, "InputError", 1)


def test_quiet_says_nothing(ucompress, work):
    done = ucompress("compress", "-q", "tree")
    assert (done.out, done.err) == (b"", "")


def test_standard_input_becomes_one_member(ucompress, work, monkeypatch):
    for name in ("a.ucz", "b.ucz"):
        monkeypatch.setattr(sys, "stdin", FakeStdin(b"piped\n" * 1000))
        assert ucompress("compress", "-", "-o", name).code == 0
    assert (work / "a.ucz").read_bytes() == (work / "b.ucz").read_bytes()
    assert ucompress("list", "a.ucz").out == b"stdin\n"
    assert ucompress("cat", "a.ucz", "stdin").out == b"piped\n" * 1000
    assert not list(work.glob(".ucompress-*"))


def test_from_pipe_to_pipe(ucompress, work, monkeypatch):
    monkeypatch.setattr(sys, "stdin", FakeStdin(b"through"))
    archive = ucompress("compress", "-").out
    monkeypatch.setattr(sys, "stdin", FakeStdin(archive))
    assert ucompress("cat", "-", "stdin").out == b"through"


def test_standard_input_stands_alone(ucompress, work):
    assert ucompress("compress", "-", "tree", "-o", "a.ucz").code == 2


def test_an_archive_can_be_analyzed_beside_what_it_was_made_of(ucompress, work, monkeypatch):
    # What was written right before the run is kept in the database, too.
    monkeypatch.setattr(file_rows, "FINE_TICK_NS", 0)
    monkeypatch.setattr(file_rows, "COARSE_TICK_NS", 0)
    assert ucompress("compress", "tree", "--database", ":memory:").code == 0
    done = ucompress("analyze", "tree", "tree.ucz", "--json", "--database", "p.db")
    assert (done.code, done.err) == (0, "")
    (info,) = documents(ucompress("db", "info", "--json", "--database", "p.db"))
    assert info["files"] == 41


def test_patterns_show_what_repeats(ucompress, work):
    (work / "heavy").mkdir()
    create_pattern_heavy_files(0.5, folder=work / "heavy")
    assert ucompress("analyze", "heavy").code == 0
    assert not list(work.glob("*.ucz"))
    rows = documents(ucompress("patterns", "--json", "-n", "1000", "--min-frequency", "100"))
    assert {row["type"] for row in rows} == {"pattern"}
    found = [row for row in rows if row["text"] and row["text"] in (SIGNATURE * 2).decode()]
    assert found
    whole = b"\n".join(path.read_bytes() for path in sorted((work / "heavy").iterdir()))
    for row in found:
        assert row["frequency"] >= whole.count(row["text"].encode())
    table = ucompress("patterns", "-n", "3").out.decode().splitlines()
    assert table[0].split() == ["saved", "frequency", "files", "bytes", "pattern"]
    assert len(table) == 4


def test_patterns_without_a_database(ucompress, work):
    done = ucompress("patterns", "--database", "none.db")
    assert done.code == 1
    assert "none.db" in done.err
    assert not (work / "none.db").exists()


def test_status_of_a_finished_job_from_another_folder(ucompress, work, monkeypatch, tmp_path_factory):
    ucompress("compress", "tree")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    (row,) = documents(ucompress("status", "--json"))
    assert (row["type"], row["state"]) == ("status", "done")
    assert row["description"]["inputs"] == [str(work / "tree")]
    assert row["progress"]["files_processed"] == row["progress"]["total_files"] == 40
    assert row["progress"]["bytes_processed"] > 0
    shown = ucompress("status").out.decode()
    for words in ("Job", "done", "Files", "40 of 40", "Finished", "Patterns"):
        assert words in shown
    assert "Rate" not in shown
    done = ucompress("resume")
    assert done.code == 14
    assert "nothing to continue" in done.err


def test_a_database_without_the_job_is_what_its_error_is_about(ucompress, work):
    ucompress("compress", "tree", "--database", "p.db")
    (work / "p.db").unlink()
    for command in ("status", "resume"):
        (row,) = documents(ucompress(command, "--json"))
        assert (row["path"], row["exit_code"]) == (str(work / "p.db"), 14)
    ucompress("analyze", "tree", "--database", "other.db", "-q")
    (row,) = documents(ucompress("status", "--json", "--database", "other.db"))
    assert (row["path"], row["exit_code"]) == ("other.db", 14)


def test_status_without_any_job(ucompress, work):
    assert ucompress("status").code == 14


def test_json_and_the_archive_do_not_mix(ucompress, work, monkeypatch):
    monkeypatch.setattr(sys, "stdin", FakeStdin(b"text"))
    for words in (["tree", "-o", "-"], ["-"]):
        done = ucompress("compress", *words, "--json")
        assert done.code == 2
        (document,) = documents(done)
        assert (document["type"], document["kind"]) == ("error", "UsageError")


def test_an_output_in_the_way_is_refused_before_standard_input_is_read(ucompress, work, monkeypatch):
    (work / "existing.txt").write_bytes(b"precious")
    stdin = FakeStdin(b"text" * 1000)
    monkeypatch.setattr(sys, "stdin", stdin)
    done = ucompress("compress", "-", "-o", "existing.txt")
    assert done.code == 1
    assert "left alone" in done.err
    assert stdin.buffer.tell() == 0


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
def test_attributes_that_an_archive_does_not_keep_are_told(ucompress, tmp_path):
    (tmp_path / "tree").mkdir()
    for name in ("a", "b"):
        (tmp_path / "tree" / name).write_text(name)
        try:
            os.setxattr(tmp_path / "tree" / name, "trusted.note", b"mine")
        except OSError:
            pytest.skip("only the system's administrator may set such attributes")
    done = ucompress("compress", tmp_path / "tree", "--database", ":memory:")
    assert done.code == 0
    assert "tree/a: not kept: trusted.note of this member, nor of 1 more" in done.err


@pytest.mark.parametrize(
    ("level", "words", "times"),
    [("3", [], 1), ("3", ["--no-verify"], 0), ("8", ["--verify"], 1), ("3", ["-o", "-"], 0)],
)
def test_the_command_may_ask_for_it_or_not(tmp_path, read_back, ucompress, level, words, times):
    fill_codebase(tmp_path / "tree", 3, 200)
    done = ucompress("compress", tmp_path / "tree", f"-{level}", "-q", "--database", ":memory:", *words)
    assert (done.code, len(read_back)) == (0, times)


def strict(outcome):
    """The documents of lines that a reader takes which knows no lone surrogates."""
    found = documents(outcome)
    json.dumps(found, ensure_ascii=False).encode("utf-8")
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode there")
def test_names_that_are_no_text_are_told_in_base64(ucompress, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"d\xff")
    for folder in (name, "d\u00e9"):
        fill_codebase(tmp_path / folder, 2, 500)
    assert ucompress("compress", name, "d\u00e9", "-o", f"{name}.ucz", "-1", "-q").code == 0
    (row,) = strict(ucompress("status", "--json"))
    told, here = row["description"], os.fsencode(tmp_path)
    inputs = [here + b"/d\xff", here + b"/d\xc3\xa9"]
    assert told["inputs"] == [path.decode("utf-8", "replace") for path in inputs]
    assert [base64.b64decode(path) for path in told["inputs_b64"]] == inputs
    assert told["output"] == (inputs[0] + b".ucz").decode("utf-8", "replace")
    assert base64.b64decode(told["output_b64"]) == inputs[0] + b".ucz"
    assert told["include"] == [] and "include_b64" not in told and "dictionary_b64" not in told
    (error,) = strict(ucompress("list", f"{name}/none", "--json"))
    assert error["message"] == "cannot read d\ufffd/none: No such file or directory"


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode there")
def test_a_job_of_a_locale_without_unicode_is_told_in_any_other(ucompress, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill_codebase(tmp_path / "d\u00e9", 2, 500)
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    words = [sys.executable, "-m", "ucompress", "compress", b"d\xc3\xa9", "-o", "a.ucz", "-1", "-q"]
    subprocess.run(words, env=os.environ | ascii_only, check=True)
    (row,) = strict(ucompress("status", "--json"))
    assert row["description"]["inputs"] == [str(tmp_path / "d\u00e9")]
    assert "inputs_b64" not in row["description"]
    assert "/d\u00e9\n" in ucompress("status").out.decode()
