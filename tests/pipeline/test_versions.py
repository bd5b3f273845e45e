"""What the database keeps has a version. Whoever changes what it means is reminded here to raise it."""

import random

import numpy as np
import pytest
from blake3 import blake3

from tests.pipeline.runs import configuration, pack
from ucompress.pipeline import orchestrator as module
from ucompress.pipeline.analysis.analyzer import ANALYSIS_VERSION
from ucompress.pipeline.jobs.job import GROUNDWORK_VERSION, analysis_key, job_key
from ucompress.pipeline.survey import Survey
from ucompress.pipeline.writing.referring import pack_references
from ucompress.scan import scan

ANALYSIS = (3, "497865ab58e6619d7a46b5e93df0d4be")
GROUNDWORK = (22, "8d2653d2cf854d1ceebf55860c049b21")


def fill(root):
    """Files with holes, long copies, and enough shared phrases that a dictionary pays."""
    chance = random.Random(9)

    def text(size):
        return chance.randbytes(size // 2).hex().encode()

    phrases = [text(400) for _ in range(200)]
    root.mkdir()
    for number in range(400):
        parts = [text(900) + phrase for phrase in chance.sample(phrases, 6)]
        (root / f"{number:03}").write_bytes(b"".join(parts))
    (root / "copy").write_bytes(
        b"".join((root / f"{number:03}").read_bytes() for number in range(0, 400, 50))
    )
    (root / "holes").write_bytes(b"begin" + bytes(20_000) + b"end")
    (root / "noise").write_bytes(chance.randbytes(50_000))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Digests of what is made of a small tree: of its analysis, of its plan and dictionary."""
    root = tmp_path_factory.mktemp("versions")
    fill(root / "tree")
    analysis_hash, groundwork_hash = blake3(), blake3()
    with pytest.MonkeyPatch.context() as patch:
        settle = Survey.settle

        def looked_at(survey, prepare):
            analysis, groundwork = settle(survey, prepare)
            for content, sample in zip(analysis.contents, analysis.samples, strict=True):
                analysis_hash.update(content.digest + bytes((content.kind_class,)) + sample)
            plan = groundwork.plan
            for name in ("run_content", "run_offset", "run_length", "run_check", "block_start"):
                groundwork_hash.update(np.ascontiguousarray(getattr(plan, name)).tobytes())
            for name in ("extent_block", "extent_offset", "extent_length", "extent_start"):
                groundwork_hash.update(np.ascontiguousarray(getattr(plan, name)).tobytes())
            assert groundwork.dictionary
            groundwork_hash.update(groundwork.dictionary + b"%d" % groundwork.gain)
            groundwork_hash.update(pack_references(groundwork.references))
            for entry in survey.context.database.top_patterns(50):
                groundwork_hash.update(b"%d %d " % (entry.frequency, entry.file_count) + entry.pattern)
            return analysis, groundwork

        patch.setattr(module.Survey, "settle", looked_at)
        pack(root / "tree", root / "a.ucz", level=4)
    return analysis_hash.hexdigest(16), groundwork_hash.hexdigest(16)


def test_what_an_analysis_means_has_its_version(made):
    assert (ANALYSIS_VERSION, made[0]) == ANALYSIS, (
        "digest, class or sample of the same bytes changed: raise ANALYSIS_VERSION, then note both here"
    )


def test_what_plan_dictionary_and_patterns_mean_has_its_version(made):
    assert (GROUNDWORK_VERSION, made[1]) == GROUNDWORK, (
        "plan, dictionary or patterns of the same contents changed: raise GROUNDWORK_VERSION, "
        "then note both here"
    )


def test_an_analysis_has_no_output_that_would_tell_it_from_another(tmp_path):
    (tmp_path / "file").write_bytes(b"some bytes")
    manifest = scan([tmp_path / "file"])
    configs = [configuration(tmp_path / "file", tmp_path / name) for name in ("a.ucz", "b.ucz")]
    assert len({analysis_key(config, manifest, None) for config in configs}) == 1
    assert len({job_key(config, manifest, None) for config in configs}) == 2
