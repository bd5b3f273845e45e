"""The command line as a process: terminals, pipes that close, signals, closed streams."""

import json
import os
import pty
import random
import signal
import subprocess
import sys

import pytest

from archive.build import plan_files, write
from ucompress import __version__

COMMAND = [sys.executable, "-m", "ucompress"]


def run(*words, **options):
    return subprocess.run([*COMMAND, *map(str, words)], capture_output=True, check=False, **options)


def on_a_terminal(*words) -> tuple[int, bytes]:
    """Exit code and what a terminal shows of stdout; stderr goes elsewhere."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*COMMAND, *map(str, words)], stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # how Linux says that the other side is gone
        pass
    os.close(ours)
    return process.wait(), shown


def test_version():
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"ucompress {__version__}\n".encode())


@pytest.mark.parametrize("words", [["compress"], ["nonsense"], ["list"], ["compress", "--nonsense"]])
def test_wrong_words_are_usage_errors(words):
    done = run(*words)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A current folder that was removed, for children."""
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(tmp_path / "state"))
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    return tmp_path


@pytest.mark.parametrize(
    "words", [["compress", "x"], ["compress", "{}/tree"], ["list", "x.ucz"], ["extract", "{}/tree.ucz"]]
)
def test_a_current_folder_that_was_removed_is_told(nowhere, words):
    (nowhere / "tree").mkdir()
    write(nowhere / "tree.ucz", plan_files({b"t": b"one"}))
    done = run(*(word.format(nowhere) for word in words))
    assert done.returncode == 1
    assert b"the current folder was removed: change to one that is there" in done.stderr


def test_whole_paths_need_no_current_folder(nowhere):
    (nowhere / "tree").mkdir()
    (nowhere / "tree" / "file").write_bytes(b"one")
    archive = nowhere / "a.ucz"
    done = run("compress", "-q", nowhere / "tree", "-o", archive, "--database", nowhere / "p.db")
    assert done.returncode == 0, done.stderr
    assert run("extract", "-q", archive, "-C", nowhere / "out").returncode == 0
    assert (nowhere / "out" / "tree" / "file").read_bytes() == b"one"


def test_a_reader_that_leaves_early_is_success(packed):
    process = subprocess.Popen(
        [*COMMAND, "list", str(packed[1])], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), error) == (0, b"")


def test_binary_is_not_written_to_a_terminal(packed, tmp_path):
    code, shown = on_a_terminal("cat", packed[1], "tree/difficult/noise")
    assert (code, shown) == (2, b"")
    code, shown = on_a_terminal("compress", packed[0], "-o", "-", "--database", tmp_path / "p.db")
    assert (code, shown) == (2, b"")


def test_text_and_escaped_names_are(packed):
    code, shown = on_a_terminal("cat", packed[1], "tree/difficult/mode755")
    assert (code, shown.replace(b"\r\n", b"\n")) == (0, b"#!/bin/sh\n")
    code, shown = on_a_terminal("list", packed[1], "tree/difficult")
    assert code == 0
    assert b"tree/difficult/new\\x0aline" in shown
    assert b"\\xff\\xfe not utf-8" in shown


def test_closed_streams_are_no_reason_to_fail(packed):
    script = f"exec {sys.executable} -m ucompress verify {packed[1]} >&- 2>&-"
    assert subprocess.run(["sh", "-c", script], check=False).returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")
@pytest.mark.parametrize("command", ["cat", "list", "info", "list --json", "compress", "train"])
def test_standard_output_that_is_full_is_told(packed, command):
    words = {
        "cat": [packed[1], "tree/difficult/noise"],
        "compress": [packed[0], "-o", "-", "--database", ":memory:", "-3"],
        "train": [packed[0], "-o", "-"],
    }.get(command, [packed[1]])
    with open("/dev/full", "wb") as full:
        line = [*COMMAND, *command.split(), *map(str, words)]
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ucompress: cannot write standard output: No space left on device;")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")
def test_a_folder_that_cannot_keep_standard_input_is_told(packed, tmp_path):
    """A limit on the size of files stands for a disk that is full."""
    script = f"ulimit -f 1; exec {sys.executable} -m ucompress list - < {packed[1]}"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"cannot keep standard input in {tmp_path}" in done.stderr
    assert "TMPDIR" in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")
@pytest.mark.parametrize("words", [["nonsense"], ["--nonsense"], ["verify"], ["verify", "a", "--for", "x"]])
def test_a_usage_error_stays_one_where_nobody_can_read_of_it(words):
    line = [*COMMAND, *words]
    with open("/dev/full", "wb") as full:
        assert subprocess.run(line, stderr=full, check=False).returncode == 2
    ours, theirs = os.pipe()
    os.close(ours)
    with open(theirs, "wb") as left:
        assert subprocess.run(line, stderr=left, check=False).returncode == 2
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*line, "--json"], stdout=subprocess.PIPE, stderr=full, check=False)
    assert done.returncode == 2
    assert [json.loads(told)["exit_code"] for told in done.stdout.splitlines()] in ([2], [])


def interrupted(folder, signal_number, *words) -> tuple[int, str]:
    """Start to pack, send a signal once blocks are being coded; exit code and what stderr says after."""
    process = subprocess.Popen(
        [*COMMAND, "compress", *map(str, words)], cwd=folder, stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if line.startswith("Compressing"):
            process.send_signal(signal_number)
            break
    rest = process.stderr.read()
    process.stderr.close()
    return process.wait(), rest


@pytest.fixture
def large(tmp_path):
    """A tree that takes seconds to pack."""
    tree = tmp_path / "large"
    tree.mkdir()
    chance = random.Random(5)
    words = [chance.randbytes(chance.randrange(2, 9)).hex() for _ in range(20_000)]
    for number in range(8):
        (tree / f"{number:02d}.txt").write_text(" ".join(chance.choices(words, k=30_000)))
    return tree


def test_a_signal_pauses_and_resume_continues_with_the_same_bytes(large):
    parent = large.parent
    ended, said = interrupted(parent, signal.SIGINT, "large", "-o", "a.ucz")
    assert ended == 130
    assert "ucompress resume --database" in said
    assert "Traceback" not in said
    assert not (parent / "a.ucz").exists()
    state = json.loads(run("status", "--json").stdout)
    assert (state["state"], state["description"]["output"]) == ("interrupted", str(parent / "a.ucz"))
    done = run("resume", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    fresh = run("compress", "-q", "large", "-o", "b.ucz", "--no-resume", "--database", ":memory:", cwd=parent)
    assert fresh.returncode == 0
    assert (parent / "a.ucz").read_bytes() == (parent / "b.ucz").read_bytes()


def test_a_job_whose_database_stands_in_its_input_is_found_again(large):
    assert interrupted(large, signal.SIGTERM, ".")[0] == 143
    done = run("resume", "-q", cwd=large.parent)
    assert (done.returncode, done.stderr) == (0, b"")
    assert run("verify", "-q", "large.ucz", cwd=large.parent).returncode == 0


@pytest.fixture
def heeded():
    """Signals as an interactive shell leaves them, so that commands heed them."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


STOPPED_WHILE_LOADING = """
import os, signal, sys
class Stopping:
    def find_spec(self, name, *_):
        if name == "ucompress.cli.start":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Stopping())
from ucompress.cli import main
main()
"""


def test_ctrl_c_before_a_command_has_begun_ends_it_without_a_word(heeded):
    done = subprocess.run([sys.executable, "-c", STOPPED_WHILE_LOADING], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_a_terminal_that_is_gone_pauses(large, heeded):
    ended, _ = interrupted(large.parent, signal.SIGHUP, "large", "-o", "a.ucz")
    assert ended == 129
    assert not (large.parent / "a.ucz").exists()
    assert run("resume", "-q").returncode == 0
    assert run("verify", "-q", large.parent / "a.ucz").returncode == 0


def test_a_terminal_that_is_to_be_outlived_does_not_end_a_run(large):
    """As under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert interrupted(large.parent, signal.SIGHUP, "large", "-o", "a.ucz")[0] == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (large.parent / "a.ucz").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_extraction_leaves_only_what_is_complete(tmp_path, heeded, number):
    """Names go into a pipe that is not read at first: the command stands still in the middle."""
    files = {b"t/%04d-%s" % (number, b"x" * 100): bytes([number % 251]) * 300 for number in range(2000)}
    write(tmp_path / "a.ucz", plan_files(files))
    process = subprocess.Popen(
        [*COMMAND, "extract", "-v", str(tmp_path / "a.ucz"), "-C", str(tmp_path / "out")],
        stderr=subprocess.PIPE,
    )
    assert process.stderr.readline().startswith(b"t/")
    process.send_signal(number)
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 128 + number
    assert b"stopped by %s; what was complete by then is in " % number.name.encode() in told
    assert told.partition(b"Traceback")[2] == b""
    assert os.listdir(tmp_path / "out") == ["t"]
    assert all(path.stat().st_size == 300 for path in (tmp_path / "out" / "t").iterdir())


def spooled(output, *, limit=""):
    """Pack half a megabyte of standard input to an output, perhaps under a limit of the shell's."""
    script = f"{limit}exec {sys.executable} -m ucompress compress - -q -o {output}"
    return subprocess.run(["sh", "-c", script], input=bytes(500_000), capture_output=True, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="limits as the Linux shell has them")
def test_standard_input_that_finds_no_room_is_told_with_its_place(tmp_path):
    done = spooled(tmp_path / "a.ucz", limit="ulimit -f 64; ")
    assert done.returncode == 1
    assert b"cannot write standard input to " + os.fsencode(tmp_path) in done.stderr
    assert b"File too large" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("folder", ["none", "file"])
def test_standard_input_beside_an_impossible_output_is_told(tmp_path, folder):
    (tmp_path / "file").touch()
    done = spooled(tmp_path / folder / "a.ucz")
    assert done.returncode == 1
    assert b"cannot keep standard input in " + os.fsencode(tmp_path / folder) in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def without_a_listener(*words) -> int:
    """The exit code of a command whose stderr nobody reads."""
    listener, stderr = os.pipe()
    os.close(listener)
    try:
        return subprocess.run([*COMMAND, *map(str, words)], stderr=stderr, check=False).returncode
    finally:
        os.close(stderr)


def test_a_stderr_that_nobody_reads_is_no_reason_to_stop(packed, tmp_path):
    database, archive, target = tmp_path / "p.db", tmp_path / "a.ucz", tmp_path / "target"
    assert without_a_listener("compress", packed[0], "-v", "-o", archive, "--database", database) == 0
    assert archive.read_bytes() == packed[1].read_bytes()
    assert without_a_listener("extract", "-v", archive, "-C", target) == 0
    assert (target / "tree/difficult/mode755").read_bytes() == b"#!/bin/sh\n"
    assert without_a_listener("list", tmp_path / "nothing.ucz") == 1
    assert without_a_listener("analyze", packed[0], "--database", database) == 0
    assert without_a_listener("train", packed[0], "-o", tmp_path / "dictionary") == 0
    assert (tmp_path / "dictionary").stat().st_size


def test_sigterm_while_standard_input_is_kept_leaves_nothing(tmp_path):
    command = [*COMMAND, "compress", "-", "-o", str(tmp_path / "a.ucz")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(bytes(3 << 20))  # more than a pipe holds: by then it is being kept
    process.stdin.flush()
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 143
    assert b"stopped by SIGTERM; no archive was written" in process.stderr.read()
    process.stdin.close()
    process.stderr.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_heard_while_one_large_file_is_read(tmp_path, signal_number):
    """To read all of it would take many minutes."""
    (tmp_path / "tree").mkdir()
    with (tmp_path / "tree" / "large").open("wb") as file:
        file.truncate(1 << 40)
    database = tmp_path / "p.db"
    process = subprocess.Popen(
        [*COMMAND, "compress", str(tmp_path / "tree"), "-1", "--json", "--database", str(database)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    while b'"phase": "analyzing_patterns"' not in process.stdout.readline():
        pass
    process.send_signal(signal_number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal_number
    assert b"ucompress resume" in said
