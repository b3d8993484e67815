"""The native programs of devctl: found, downloaded, verified, unpacked, cached; one module per source."""
