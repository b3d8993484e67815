"""What a program says before it gives up."""
