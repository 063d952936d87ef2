"""For all tests: what a shell may have taken from this process."""

import signal

# A shell without job control starts what runs in its background with Ctrl-C ignored, and so would
# every process that a test starts be.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
