"""What a panel shows: its queries asked, its answers turned into frames, transformed, reduced and configured."""
