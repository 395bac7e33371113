"""A Gaussian-mixture prior whose components are the classes, for semreg.

Source: Zheng and Sun, *Disentangling Latent Space for VAE by Label Relevant/Irrelevant Dimensions* (2019).
"""
