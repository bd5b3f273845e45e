"""The bytes of files and of distinct contents: held, spilled, or read back while files may change."""
