"""The old name of `services.ops.dlq`; the next release is without it."""

import sys
import warnings

from services.ops import dlq

warnings.warn("services.dlq is now services.ops.dlq; the old name goes with the next release", DeprecationWarning, 1)
if __name__ == "__main__":
    sys.exit(dlq.main())
sys.modules[__name__] = dlq
