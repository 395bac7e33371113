"""The losses of pytorch-metric-learning for semreg, by one adapter that reads the library's signatures.

The names of `semreg_metric_learning.losses` are the library's classes, in a form that recipes build and call.
"""
