"""The test trees are what they say."""

from pathlib import Path

from support import (
    SIGNATURE,
    create_difficult_tree,
    create_pattern_heavy_files,
    create_test_codebase,
    tree_facts,
)


def test_a_codebase_has_the_size_asked_for_and_is_the_same_each_time():
    with create_test_codebase(60, 1000) as first, create_test_codebase(60, 1000) as second:
        files = [path for path in Path(first).rglob("*") if path.is_file()]
        assert len(files) == 60
        assert 800 < sum(path.stat().st_size for path in files) / 60 < 1200
        assert tree_facts(Path(first), times=False) == tree_facts(Path(second), times=False)


def test_density_is_the_share_of_the_pattern(tmp_path):
    for density in (0.0, 0.5, 1.0):
        (tmp_path / str(density)).mkdir()
        files = create_pattern_heavy_files(density, folder=tmp_path / str(density))
        content = b"".join(path.read_bytes() for path in files)
        share = content.count(SIGNATURE) * len(SIGNATURE) / len(content)
        assert abs(share - density) < 0.05


def test_facts_tell_trees_apart(tmp_path):
    first, second = create_difficult_tree(tmp_path / "a"), create_difficult_tree(tmp_path / "b")
    assert tree_facts(first, times=False) == tree_facts(second, times=False)
    (second / "short").chmod(0o600)
    assert tree_facts(first, times=False) != tree_facts(second, times=False)
