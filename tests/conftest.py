"""One thread a test process: the tests run side by side, and their numbers do not depend on the cores."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is loaded
