"""A trained run under a finger: a page of one's own machine, with panels of controls that build codes."""
