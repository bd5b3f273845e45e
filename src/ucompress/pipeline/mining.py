"""provisional"""
def mine_patterns(contents, counts, read, processor, **_):
    return []
