"""The container engine of this machine: which one there is, and what is asked of it."""
