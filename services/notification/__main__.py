"""Run notification as a process."""

from services.common.serve import run
from services.notification.app import SERVICE

if __name__ == "__main__":
    run(SERVICE)
