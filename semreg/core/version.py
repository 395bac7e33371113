"""The version of semreg; imports nothing, for commands that must answer at once."""

__version__ = "0.2.0"
