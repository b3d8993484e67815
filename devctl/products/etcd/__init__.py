"""etcd: its recipe and where its program comes from."""
