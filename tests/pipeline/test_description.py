"""A job that is described and read back is the same job, from any folder."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from ucompress.config import CompressionConfig, PipelineConfig
from ucompress.errors import ResumeFailedError
from ucompress.pipeline.jobs.description import config_from_description, describe

CONFIG = CompressionConfig(
    inputs=(Path("/in/put"), Path("/od\udcffd")),
    output=Path("/out.ucz"),
    level=4,
    threads=3,
    include=("*.c",),
    exclude=("build/", "!x"),
    gitignore=True,
    content_hash_bytes=32,
    dictionary=Path("/dict"),
    verify=True,
    recovery=5,
    pipeline=PipelineConfig(
        database_path=Path("/p.db"),
        checkpoint_interval=timedelta(seconds=7),
        batch_size=11,
        memory_limit_mb=300,
        enable_resume=False,
    ),
)


def through_json(config):
    return json.loads(json.dumps(describe(config)))


def test_every_option_survives():
    assert config_from_description(through_json(CONFIG), database_path=Path("/p.db")) == CONFIG


def test_defaults_survive_and_paths_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = CompressionConfig(inputs=(Path("tree"),), output=Path("o.ucz"))
    again = config_from_description(through_json(config), database_path=Path("p.db"))
    assert again.inputs == (tmp_path / "tree",)
    assert again.output == tmp_path / "o.ucz"
    assert again.pipeline == PipelineConfig(database_path=Path("p.db"))


def test_threads_and_memory_may_change():
    again = config_from_description(
        through_json(CONFIG), database_path=Path("/p.db"), threads=1, memory_limit_mb=99
    )
    assert (again.threads, again.pipeline.memory_limit_mb) == (1, 99)


@pytest.mark.parametrize("damage", [{"inputs": None}, {"unknown": 1}, {"pipeline": {}}])
def test_what_another_version_wrote_is_refused(damage):
    with pytest.raises(ResumeFailedError, match="another version"):
        config_from_description({**through_json(CONFIG), **damage}, database_path=Path("/p.db"))


def test_nothing_at_all_is_refused_too():
    with pytest.raises(ResumeFailedError):
        config_from_description({}, database_path=Path("/p.db"))
