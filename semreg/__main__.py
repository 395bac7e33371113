"""`python -m semreg`: the command line."""

from semreg.cli.main import main

main()
