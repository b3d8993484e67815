"""The benchmark of failures: seeded faults on three stacks, and whether `devctl why` names the right cause first."""
