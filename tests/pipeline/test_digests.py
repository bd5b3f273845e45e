"""Contents are found by their digests, also where digests begin alike."""

from hypothesis import given
from hypothesis import strategies as st

from ucompress.pipeline.reading.digests import DigestIndex

DIGESTS = st.builds(
    lambda begin, end: begin.to_bytes(8, "little") * 2 + end.to_bytes(16, "big"),
    st.sampled_from([0, 1, 1 << 63, (1 << 64) - 1]),
    st.integers(0, 3),
)


@given(known=st.lists(DIGESTS, max_size=20), asked=st.lists(DIGESTS, max_size=5))
def test_the_first_content_with_a_digest_is_found(known, asked):
    index = DigestIndex(b"".join(known))
    for digest in [*known, *asked]:
        assert index.find(digest) == (known.index(digest) if digest in known else None)
