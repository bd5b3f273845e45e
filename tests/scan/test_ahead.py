"""Files to come are asked for while reading waits for a disk, and only then."""

import os
from itertools import count

import pytest

from ucompress.scan import ahead
from ucompress.scan.ahead import AHEAD, ReadAhead, ask_for, is_absent

pytestmark = pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="the system cannot be asked")


@pytest.fixture
def asked(monkeypatch):
    """The paths that were asked for; threads have come to an end when the reader is closed."""
    paths = []
    monkeypatch.setattr(ahead, "ask_for", paths.extend)
    return paths


def walked(items):
    """The items as they come out, and how many had been taken when the first one came."""
    taken = []

    def noted():
        for item in items:
            taken.append(item)
            yield item

    with ReadAhead() as reader:
        through = reader.through(noted(), lambda item: item)
        first = next(through, None)
        before = len(taken)
        rest = list(through)
        reader._pool.shutdown()  # which waits; leaving gives up what has not begun
    return ([] if first is None else [first, *rest]), before


ITEMS = [[b"%d-%d" % (number, k) for k in range(20)] for number in range(12)]


def test_nothing_is_asked_for_while_no_block_is_read(asked, monkeypatch):
    monkeypatch.setattr(ahead, "blocks_read", lambda: 7)
    assert walked(ITEMS) == (ITEMS, AHEAD + 1)
    assert asked == []


def test_files_of_items_that_come_later_are_asked_for_once_blocks_were_read(asked, monkeypatch):
    numbers = count()
    monkeypatch.setattr(ahead, "blocks_read", lambda: next(numbers))
    assert walked(ITEMS) == (ITEMS, AHEAD + 1)
    assert sorted(asked) == sorted(path for item in ITEMS for path in item)


def test_files_are_asked_for_from_the_first_on_where_some_are_not_in_memory(asked, monkeypatch):
    monkeypatch.setattr(ahead, "blocks_read", lambda: 0)
    monkeypatch.setattr(ahead, "is_absent", lambda path: path.endswith(b"-0") and path != b"7-0")
    assert walked(ITEMS) == (ITEMS, AHEAD + 1)
    assert sorted(asked) == sorted(path for item in ITEMS if item is not ITEMS[7] for path in item)


def test_what_was_just_written_is_in_memory_and_what_is_no_file_is_not_asked_about(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"bytes")
    assert not any(map(is_absent, map(os.fsencode, [file, tmp_path, tmp_path / "gone"])))


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="the system does not tell")
def test_what_reading_would_wait_for_is_absent(tmp_path, monkeypatch):
    def waits(*_):
        raise BlockingIOError

    (tmp_path / "file").write_bytes(b"bytes")
    monkeypatch.setattr(os, "preadv", waits)
    assert is_absent(os.fsencode(tmp_path / "file"))


def test_asking_ends_when_reading_waits_no_more(asked, monkeypatch):
    numbers = iter([0, 5, 9, *[9] * 20])
    monkeypatch.setattr(ahead, "blocks_read", lambda: next(numbers))
    assert walked(ITEMS)[0] == ITEMS
    assert sorted(asked) == sorted(ITEMS[0] + ITEMS[1])


def test_no_item_is_lost_where_there_are_few():
    assert walked([]) == ([], 0)
    assert walked(ITEMS[:2])[0] == ITEMS[:2]


def test_what_cannot_be_asked_for_is_passed_over(tmp_path):
    fifo, link, file = tmp_path / "fifo", tmp_path / "link", tmp_path / "file"
    os.mkfifo(fifo)
    link.symlink_to(file)
    file.write_bytes(b"some bytes")
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    ask_for([os.fsencode(path) for path in (tmp_path / "gone", fifo, link, tmp_path, file)])
    assert before is None or set(os.listdir("/proc/self/fd")) == before
