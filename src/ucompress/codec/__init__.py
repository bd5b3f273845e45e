"""From bytes to fewer bytes: the codecs of single blocks, and dictionaries for single buffers."""
