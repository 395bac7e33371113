"""Uniform disentanglement: Oldfield, Panagakis and Nicolaou, *Adversarial Learning of Disentangled and Generalizable
Representations of Visual Attributes*. Equation, table and figure numbers in this package are theirs."""
