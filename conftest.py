"""What all tests of the checkout share, the plugins' included."""

import signal

from hypothesis import settings

settings.register_profile("semreg", deadline=None)  # a busy machine is no failure
settings.load_profile("semreg")

# A shell that starts the tests in the background has them ignore Ctrl-C, and every process that they start, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
