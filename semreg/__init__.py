"""semreg: give an autoencoder's latent space a meaning, by recipes over a registry of components."""

__version__ = "0.1.0"
