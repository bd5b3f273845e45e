"""Every byte changed, every cut, parts exchanged, repeated and removed: of three archives a level."""
