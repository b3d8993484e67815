"""The old name of `services.ops.healthcheck`; the next release is without it."""

import sys
import warnings

from services.ops import healthcheck

warnings.warn(
    "services.alive is now services.ops.healthcheck; the old name goes with the next release", DeprecationWarning, 1
)
if __name__ == "__main__":
    sys.exit(healthcheck.main())
sys.modules[__name__] = healthcheck
