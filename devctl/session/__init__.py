"""The one door through which every front end speaks to a stack."""
