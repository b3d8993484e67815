"""One start of one instance with every word known: what a runner needs and nothing else."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Launch:
    """All that a runner must know to start one instance. `instance` is SERVICE.N, N from 1."""

    instance: str
    service: str
    run: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    working_dir: str
    log_folder: str
    ports: dict[str, int] = field(default_factory=dict)
    inherited: dict[str, int] = field(default_factory=dict)  # port name → number the keeper binds and hands over
    stop_signal: str = "SIGTERM"
    log_bytes: int = 256 << 20
