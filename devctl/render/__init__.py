"""How results, progress and problems look: plain, live, JSON, quiet."""
