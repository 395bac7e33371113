"""The program that builds the documentation's site from the pages of the repository: `python -m website`."""
