"""Errors cross processes whole: message, notes, numbers and path."""

import copy
import pickle

import pytest

from ucompress import errors
from ucompress.errors import CompressionError, InterruptedJobError, MemoryLimitExceededError


def below(kind):
    return [kind, *(deeper for direct in kind.__subclasses__() for deeper in below(direct))]


CLASSES = sorted({kind for kind in below(CompressionError) if kind.__module__ == errors.__name__}, key=str)


def made(kind):
    if kind is MemoryLimitExceededError:
        return kind(300, 200)
    if kind is InterruptedJobError:
        return kind("interrupted", 15)
    return kind("it is so")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("through", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy])
def test_every_error_comes_back_as_it_was(kind, through):
    error = made(kind).about(b"a/\xff")
    error.add_note("and this too")
    back = through(error)
    assert type(back) is kind
    assert (str(back), back.args, vars(back)) == (str(error), error.args, vars(error))
    assert (back.path, back.exit_code) == (b"a/\xff", error.exit_code)
    assert back.__notes__[-1] == "and this too"


def test_there_are_many():
    assert len(CLASSES) > 15
