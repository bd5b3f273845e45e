"""Where every byte goes: copies, blocks and their order, before anything is coded."""
