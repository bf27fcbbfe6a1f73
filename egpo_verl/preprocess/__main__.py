"""The process of the command. Its workers do not import the `__main__` of a package again."""

import signal
import sys

from egpo_verl.datasets.jobs.workers import tune_garbage_collector
from egpo_verl.preprocess import main

if __name__ == "__main__":
    tune_garbage_collector()
    # Leave by the way of an exception, so that what is half-written is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
