"""What payment reads from its environment."""

from dataclasses import dataclass
from datetime import timedelta

from services.common.runtime.settings import Environment
from services.payment.handlers import PollPolicy


@dataclass(frozen=True, slots=True)
class ProviderRules:
    """How the simulated provider behaves; the rules by amount and by chance are off unless configured."""

    decline_above: int
    decline_rate: float
    seed: int
    latency_seconds: float
    slow_seconds: float


@dataclass(frozen=True, slots=True)
class PaymentSettings:
    """The settings of payment beside those of every service."""

    provider: ProviderRules
    provider_timeout_seconds: float
    poll_policy: PollPolicy
    sweep_seconds: float

    @classmethod
    def read(cls, env: Environment) -> "PaymentSettings":
        """Read PROVIDER_* and PAYMENT_SWEEP_SECONDS."""
        rules = ProviderRules(
            decline_above=env.whole("PROVIDER_DECLINE_ABOVE", 0),
            decline_rate=env.number("PROVIDER_DECLINE_RATE", 0.0),
            seed=env.whole("PROVIDER_SEED", 1),
            latency_seconds=env.number("PROVIDER_LATENCY_SECONDS", 0.0),
            slow_seconds=env.number("PROVIDER_SLOW_SECONDS", 3.0),
        )
        pause = timedelta(seconds=env.number("PROVIDER_ASK_PAUSE_SECONDS", 0.2))
        return cls(
            provider=rules,
            provider_timeout_seconds=env.number("PROVIDER_TIMEOUT_SECONDS", 2.0),
            poll_policy=PollPolicy(env.whole("PROVIDER_ASKS", 3), pause),
            sweep_seconds=env.number("PAYMENT_SWEEP_SECONDS", 1.0),
        )
