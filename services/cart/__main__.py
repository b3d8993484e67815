"""Run cart as a process."""

from services.cart.app import SERVICE
from services.common.serve import run

if __name__ == "__main__":
    run(SERVICE)
