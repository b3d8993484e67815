"""Run catalog as a process."""

from services.catalog.app import SERVICE
from services.common.serve import run

if __name__ == "__main__":
    run(SERVICE)
