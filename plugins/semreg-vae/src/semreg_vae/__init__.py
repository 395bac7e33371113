"""Variational autoencoders of the literature of disentanglement for semreg: beta-VAE, beta-TCVAE, FactorVAE, DIP-VAE, InfoVAE, WAE-MMD, free bits."""
