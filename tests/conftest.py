"""Settings that hold for every test: no state outside the test's own folder, no timed verdicts."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

try:
    import fcntl
except ImportError:  # Windows: a folder with open files cannot be removed there
    fcntl = None

# The machines that run this are shared: a slow example says nothing about the code.
settings.register_profile("house", deadline=None, max_examples=50)
settings.load_profile("house")

LOCK = pytest.StashKey[int]()


def pytest_sessionstart(session):
    """Refuse a `--basetemp` in which another session works: it would be emptied under its tests."""
    folder = session.config.option.basetemp
    if fcntl is None or folder is None or hasattr(session.config, "workerinput"):
        return
    if Path(folder).is_dir():
        os.close(_locked(folder))
    session.config._tmp_path_factory.getbasetemp()  # empties it
    session.config.stash[LOCK] = _locked(folder)


def _locked(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pytest.exit(f"another session of tests works in {folder}; choose another --basetemp", returncode=4)
    return descriptor


def pytest_unconfigure(config):
    if LOCK in config.stash:
        os.close(config.stash[LOCK])


@pytest.fixture(autouse=True)
def _own_state_folder(tmp_path_factory):
    """Jobs of a test are never seen from outside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UCOMPRESS_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def read_back(monkeypatch):
    """The names of the archives that are verified from now on."""
    names = []
    from ucompress.archive import Archive

    verify = Archive.verify

    def counted(archive, **options):
        names.append(archive.name)
        return verify(archive, **options)

    monkeypatch.setattr(Archive, "verify", counted)
    return names
