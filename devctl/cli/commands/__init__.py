"""One module per command: it parses nothing, asks the session, an action or the record, and renders."""
