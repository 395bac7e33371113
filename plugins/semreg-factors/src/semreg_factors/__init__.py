"""Data sets of images with known factors of variation for semreg: dSprites, 3D Shapes, Cars3D, MPI3D, SmallNORB, and shapes2d, which is drawn."""
