"""What the monolith says of itself for all of its services; what it does, every other test of this folder asks it."""

from pathlib import Path

from services import FRONT, PORTS
from tests.services.harness import running_shop
from tests.waiting import eventually_async


async def test_the_monolith_is_ready_only_while_each_of_its_databases_answers(tmp_path: Path) -> None:
    async with running_shop(tmp_path, CATALOG_SEED="off") as shop:
        ready = await shop.shop.readiness()
        assert (ready.status, ready.service) == ("ready", "monolith")
        assert {name for name, check in ready.checks.items() if check.state == "up" and check.required} == {
            f"{name}.database" for name in PORTS if name != FRONT
        }
        held = await shop.inside("payment").put("/faults", json=[{"kind": "pool_exhaustion"}])
        assert held.status_code == 200

        async def is_red() -> bool:
            page = await shop.shop.readiness()
            down = {name for name, check in page.checks.items() if check.state == "down"}
            return page.status == "not_ready" and down == {"payment.database"}

        await eventually_async(is_red, within=15, what="the monolith not ready")
        await shop.inside("payment").delete("/faults")
