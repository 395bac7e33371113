"""A trained run as files that don't need semreg: modules of PyTorch's own, weights, and a page that describes them."""
