"""Settings that hold for every test: no state outside the test's own folder, no timed verdicts."""

import pytest
from hypothesis import settings

# The machines that run this are shared: a slow example says nothing about the code.
settings.register_profile("house", deadline=None, max_examples=50)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def _own_state_folder(tmp_path_factory):
    """Jobs of a test are never seen from outside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UCOMPRESS_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield
