"""What the check is answered."""
