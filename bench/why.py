"""Whether `devctl why` names the right cause: every seeded failure of tests/failures, scored.

FAILURES=start,runtime,code,shop picks tiers; a word of a case's name picks cases.
"""

import os
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.failures import shop
from tests.failures.cases import all_cases
from tests.failures.harness import Case, Score, run

WORKERS = 2
SHOP_LOOKS = 100  # at the healthy shop, under load and again while it rolls; fewer while it starts, which is soon over


def main(filters: list[str]) -> int:
    """Run the cases, print a line for each and the sums of each tier; return 1 unless all targets are met."""
    tiers = os.environ.get("FAILURES", "start,runtime,code,shop").split(",")
    cases = [case for case in all_cases() if case.tier in tiers and all(word in case.name for word in filters)]
    with ThreadPoolExecutor(WORKERS) as pool:
        scores = [_shown(score) for score in pool.map(_run, cases)]
    if "shop" in tiers and not filters:
        scores += [_shown(score) for score in shop.run_all(SHOP_LOOKS)]
    sums = defaultdict(list)
    for score in scores:
        sums[score.case.tier].append(score)
    for tier, entries in sums.items():
        right = sum(score.is_right for score in entries)
        accused = sum(bool(score.accused) for score in entries)
        seconds = sorted(score.seconds for score in entries)[len(entries) // 2]
        print(
            f"why, {tier}: {right} of {len(entries)} right, {accused} with a false accusation, {seconds:.2f} s a look"
        )
    return int(not _is_enough(sums))


def _run(case: Case) -> Score:
    try:
        return run(case)
    except (AssertionError, OSError, ValueError) as error:
        return Score(case, False, False, False, [], 0.0, {"roots": [], "summary": str(error)[:300]})


def _shown(score: Score) -> Score:
    roots = ", ".join(f"{r['service']} ({r['kind']})" for r in score.answer["roots"]) or score.answer["summary"][:200]
    print(f"{'ok   ' if score.is_right else 'WRONG'} {score.case.name}: {roots}", flush=True)
    return score


def _is_enough(sums: dict[str, list[Score]]) -> bool:
    """Whether the start tier is all right, the others nine in ten, and nobody is accused falsely."""
    shares = {tier: sum(score.is_right for score in entries) / len(entries) for tier, entries in sums.items()}
    return shares.get("start", 1.0) == 1.0 and all(share >= 0.9 for share in shares.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
