"""Embedded faces for semreg: drawn by python-avatars, rasterised by resvg, labelled by what is drawn."""
