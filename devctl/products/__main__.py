"""`python -m devctl.products fetch NAME…`: brings native programs into the cache, for the supervisor."""

import sys

from devctl.products import toolbox
from devctl.tools import child

if __name__ == "__main__":
    sys.exit(child.main(toolbox.toolbox()))
