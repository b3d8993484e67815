"""The old name of `services.ops.demo`; the next release is without it."""

import sys
import warnings

from services.ops import demo

warnings.warn("services.demo is now services.ops.demo; the old name goes with the next release", DeprecationWarning, 1)
if __name__ == "__main__":
    sys.exit(demo.main())
sys.modules[__name__] = demo
