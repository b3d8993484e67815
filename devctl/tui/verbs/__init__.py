"""What each action of `keys` does. Whatever may take time is done in a thread; errors become notices."""
