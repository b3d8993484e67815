"""The database of one service: connections, transactions, migrations, column types, locks."""
