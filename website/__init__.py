"""The documentation as a site: `make docs`, or `python -m website`, builds it from the pages of the tree."""
