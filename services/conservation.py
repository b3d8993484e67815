"""The old name of `services.ops.reconciliation`; the next release is without it."""

import sys
import warnings

from services.ops import reconciliation

warnings.warn(
    "services.conservation is now services.ops.reconciliation; the old name goes with the next release",
    DeprecationWarning,
    1,
)
if __name__ == "__main__":
    sys.exit(reconciliation.main())
sys.modules[__name__] = reconciliation
