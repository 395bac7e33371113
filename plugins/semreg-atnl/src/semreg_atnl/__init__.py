"""The angular triplet-neighbor loss (ATNL) for semreg.

Source: Yan, Lin, Yang, Li and Wang, *Semantics-Guided Representation Learning with Applications to Visual Synthesis*.
"""
