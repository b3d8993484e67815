"""What `doctor` tells: the machine, and which variant of each product it can run."""
