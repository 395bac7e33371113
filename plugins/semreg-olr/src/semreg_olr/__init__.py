"""Occlusion-based latent representations (OLR) for semreg.

Source: Karatsiolis and Kamilaris, *Converting Image Labels to Meaningful and Information-Rich Embeddings*.
"""
