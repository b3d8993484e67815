"""Run payment as a process."""

from services.common.serve import run
from services.payment.app import SERVICE

if __name__ == "__main__":
    run(SERVICE)
