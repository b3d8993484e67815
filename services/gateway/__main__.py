"""Start the gateway."""

from services.common.serve import run
from services.gateway.app import SERVICE

if __name__ == "__main__":
    run(SERVICE)
