"""A trained run as files that need no semreg: modules of PyTorch's own, weights, and a page that says what they are."""
