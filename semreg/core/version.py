"""The version of semreg; imports nothing, for what must answer at once."""

__version__ = "0.1.0"
