"""Whichever call on a file without a name fails, once: it is told, nothing stays, the next run completes."""

from __future__ import annotations

import errno
import sys

import pytest

from tests.faults.runs import check_compress, make_place
from ucompress.errors import OutputError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shim is for Linux")

FEW_BYTES = 64
MANY_FILES = 40_000
"""Whose columns of 8 bytes stand in files by themselves."""

NAMELESS = {"FAULT_NAME": " (deleted)"}
FAULTS = [
    ("reserve", errno.ENOSPC),
    ("write", errno.ENOSPC),
    ("write", errno.EIO),
    ("map", errno.ENOMEM),
    ("read", errno.EIO),
]
"""Of these the run ends."""

MAPPED = [(call, fault) for call, fault in FAULTS if call != "read"]
"""Those that large columns meet, which are mapped and not read."""

HARMLESS = [("write", "short"), ("write", errno.EINTR), ("read", "short"), ("read", errno.EINTR)]
"""These are repeated."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return make_place(tmp_path_factory.mktemp("columns"), least=FEW_BYTES)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return make_place(tmp_path_factory.mktemp("large"), level=1, files=MANY_FILES, size=20)


def check(place, call, at, fault):
    code = check_compress(place, call, at, fault, **NAMELESS)
    assert code == (0 if (call, fault) in HARMLESS else OutputError.exit_code)


def some(count):
    return sorted({1, count // 2 + 1, count})


@pytest.mark.parametrize(("call", "fault"), FAULTS + HARMLESS, ids=str)
def test_some_calls(place, call, fault):
    place.clear()
    count = place.count(place.words, call, **NAMELESS)
    assert count > 1
    check(place, call, count // 2 + 1, fault)


@pytest.mark.long
@pytest.mark.parametrize(("call", "fault"), FAULTS + HARMLESS, ids=str)
def test_each_call(place, call, fault):
    place.clear()
    for at in range(1, place.count(place.words, call, **NAMELESS) + 1):
        check(place, call, at, fault)


def test_a_folder_that_takes_no_more_files(place):
    place.clear()
    for at in some(place.count(place.words, "nameless")):
        check_compress(place, "nameless", at, errno.EMFILE)


@pytest.mark.long
@pytest.mark.parametrize(("call", "fault"), [*MAPPED, ("write", "kill")], ids=str)
def test_a_tree_of_many_files(large, call, fault):
    large.clear()
    count = large.count(large.words, call, **NAMELESS)
    assert count > 1
    for at in some(count):
        check_compress(large, call, at, fault, **NAMELESS)
