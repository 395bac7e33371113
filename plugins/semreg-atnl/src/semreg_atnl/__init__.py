"""The angular triplet-neighbor loss (ATNL) for semreg."""
