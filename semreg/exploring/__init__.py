"""Explore a trained run on a page of your own machine, with panels of controls that build codes."""
