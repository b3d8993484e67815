"""Start the user service."""

from services.common.serve import run
from services.user.app import SERVICE

if __name__ == "__main__":
    run(SERVICE)
