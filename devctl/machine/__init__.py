"""What devctl asks of the machine it runs on: this boot, the identity of processes, locks, private folders."""
