"""`python -m ucompress`: the command line."""

from ucompress.cli import main

main()
