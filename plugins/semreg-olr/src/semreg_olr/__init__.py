"""Occlusion-based latent representations (OLR) for semreg."""
