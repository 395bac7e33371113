"""What all tests of the checkout share, the plugins' included."""

from hypothesis import settings

settings.register_profile("semreg", deadline=None)  # a busy machine is no failure
settings.load_profile("semreg")
