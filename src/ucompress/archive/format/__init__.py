"""What the bytes of an archive mean, as `docs/format.md` has them."""
