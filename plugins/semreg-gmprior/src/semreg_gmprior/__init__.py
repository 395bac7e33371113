"""A Gaussian-mixture prior whose components are the classes (Zheng and Sun), for semreg."""
