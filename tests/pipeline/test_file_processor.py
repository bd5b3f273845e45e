"""Files are read in order, in bounded memory, and none that fails takes others with it."""

import os
import pickle
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from ucompress.checksum import digest
from ucompress.pipeline.analysis import file_content, file_processor
from ucompress.pipeline.analysis.file_content import FileToRead
from ucompress.pipeline.analysis.file_processor import ParallelFileProcessor
from ucompress.pipeline.reading.spans import ShortFileError
from ucompress.progress import PipelinePhase, ProgressReporter

THRESHOLD = 1000


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Twenty files around the threshold, windows of 300 bytes, and their bytes by path."""
    monkeypatch.setattr(file_content, "WINDOW_BYTES", 300)
    monkeypatch.setattr(file_processor, "CHUNK_BYTES", 4000)
    files = {}
    for number in range(20):
        path = tmp_path / f"{number:02}"
        files[path] = os.urandom(number * 100)
        path.write_bytes(files[path])
    return files


@pytest.fixture(params=["threads", "processes"])
def executor(request):
    if request.param == "threads":
        with ThreadPoolExecutor(2) as pool:
            yield pool
    else:
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
            yield pool


def test_contents_come_in_order_whole_or_in_windows(folder, executor):
    reporter = ProgressReporter()
    reporter.enter(PipelinePhase.ANALYZING_PATTERNS)
    processor = ParallelFileProcessor(executor, 3, THRESHOLD, reporter=reporter)
    seen = {}
    for content in processor.process_files(folder):
        windows = list(content.windows)
        assert content.error is None
        assert content.size == sum(map(len, windows))
        assert len(windows) == (-(-content.size // 300) if content.size >= THRESHOLD else 1)
        assert content.digest == digest(b"".join(windows))
        seen[content.path] = b"".join(windows)
    assert seen == folder
    assert list(seen) == list(folder)
    assert reporter.current_state.current_file == list(folder)[-1]


def test_a_chunk_and_one_file(folder):
    with ThreadPoolExecutor(1) as pool:
        processor = ParallelFileProcessor(pool, memory_map_threshold=THRESHOLD)
        paths = list(folder)
        contents = processor.process_chunk(paths[:12])
        assert [b"".join(content.windows) for content in contents] == list(folder.values())[:12]
        large = processor.read_file_content(paths[-1])
        assert large.digest is None
        assert b"".join(large.windows) == folder[paths[-1]]
        assert large.digest == digest(folder[paths[-1]])
        part = processor.read_file_content(FileToRead(os.fsencode(paths[-1]), 500))
        assert list(part.windows) == [folder[paths[-1]][:500]]


def test_the_threshold_itself_goes_through_in_windows(folder):
    with ThreadPoolExecutor(1) as pool:
        processor = ParallelFileProcessor(pool, memory_map_threshold=THRESHOLD)
        below, at = (tuple(folder)[number] for number in (9, 10))
        assert len(list(processor.read_file_content(below).windows)) == 1
        assert [len(window) for window in processor.read_file_content(at).windows] == [300, 300, 300, 100]


def test_chunks_end_by_number_and_by_bytes(folder):
    with ThreadPoolExecutor(1) as pool:
        chunks = list(ParallelFileProcessor(pool, 6).chunks(folder))
    assert [len(chunk) for chunk in chunks] == [6, 5, 4, 3, 2]
    assert [os.fsdecode(file.path) for chunk in chunks for file in chunk] == list(map(str, folder))


def test_errors_come_with_their_file(folder, executor):
    paths = list(folder)
    missing = paths[0].with_name("missing")
    short = FileToRead(os.fsencode(paths[3]), 500)
    short_large = FileToRead(os.fsencode(paths[3]), 5000)
    processor = ParallelFileProcessor(executor, memory_map_threshold=THRESHOLD)
    first, gone, cut, cut_large, last = processor.process_files(
        [paths[1], missing, short, short_large, paths[2]]
    )
    assert b"".join(first.windows) == folder[paths[1]]
    assert isinstance(gone.error, FileNotFoundError)
    assert isinstance(cut.error, OSError)
    assert cut_large.error is None
    with pytest.raises(ShortFileError, match="fewer bytes than its size told"):
        list(cut_large.windows)
    assert cut_large.digest is None
    assert b"".join(last.windows) == folder[paths[2]]


class Eager(Executor):
    """Does each task when it is submitted, and counts what was submitted."""

    def __init__(self) -> None:
        self.tasks = 0

    def submit(self, task, /, *arguments, **options):
        self.tasks += 1
        future = Future()
        future.set_result(task(*arguments, **options))
        return future


def test_no_more_is_read_than_is_asked_for(folder):
    eager = Eager()
    processor = ParallelFileProcessor(eager, 2, THRESHOLD, in_flight=3)
    contents = processor.process_files(folder)
    assert eager.tasks == 0
    next(contents)
    assert eager.tasks == 3
    next(contents)
    next(contents)
    assert eager.tasks == 4


def test_a_large_content_crosses_processes_unread(folder):
    path = list(folder)[-1]
    with ThreadPoolExecutor(1) as pool:
        content = ParallelFileProcessor(pool, memory_map_threshold=THRESHOLD).read_file_content(path)
    assert len(pickle.dumps(content)) < 1000
    other = pickle.loads(pickle.dumps(content))
    assert b"".join(other.windows) == folder[path]
    assert other.digest == digest(folder[path])
    assert content.digest is None


def test_what_the_poll_raises_ends_the_work(folder):
    def poll():
        raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as pool, pytest.raises(KeyboardInterrupt):
        list(ParallelFileProcessor(pool, poll=poll).process_files(folder))
