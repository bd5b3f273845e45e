"""From a plan to an archive: dictionary, references, blocks, index, errata."""
