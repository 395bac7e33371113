"""Uniform disentanglement for semreg; equation, table and figure numbers in this package are the paper's.

Source: Oldfield, Panagakis and Nicolaou, *Adversarial Learning of Disentangled and Generalizable Representations of
Visual Attributes*.
"""
