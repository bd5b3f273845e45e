"""From an archive to the contents of its members, and the proof that all is there."""
