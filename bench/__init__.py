"""What devctl costs, measured beside floors and peers in the same run; one module for each subject."""
