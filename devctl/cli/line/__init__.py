"""How a command line is declared, read, explained and completed; typer is the grammar that users meet."""
