"""The version of semreg; imports nothing, for what must answer at once."""

__version__ = "0.2.0"
