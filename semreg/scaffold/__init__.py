"""Distributions for plugins, written from templates."""
