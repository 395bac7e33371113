"""Distributions for plugins, and recipes for a user's own data, written from templates."""
