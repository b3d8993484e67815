"""This boot of the machine.

After a reboot every process id and start time means something else, so nothing of an earlier boot can be taken back.
"""

from devctl.keeper.system import boot_id

__all__ = ["boot_id"]
