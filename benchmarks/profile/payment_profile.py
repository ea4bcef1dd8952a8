"""`make profile`: where each microsecond of a payment goes, as docs/operations/profile-of-a-payment.md.

The switch runs as the product does, with a sampler that the bench switches on
(`benchmarks.profile.instrumented_switch`).
"""

import argparse
import asyncio
import sys
from pathlib import Path

from rich.console import Console

from benchmarks.kit import load
from benchmarks.kit.errors import BenchError
from benchmarks.profile import page as profile_page
from benchmarks.profile import profile_turns

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations" / "profile-of-a-payment.md"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile.payment_profile", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=3, help="pairs of a plain and a sampled turn of each kind"
    )
    parser.add_argument("--seconds", type=int, default=6, help="length of a turn")
    parser.add_argument("--connections", type=int, default=128, help="connections of wrk")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the page is written")
    return parser.parse_args()


def main() -> int:
    """Measure and write the page; 0 if every turn and the audit hold."""
    arguments, console = _arguments(), Console()
    plan = profile_turns.Plan(arguments.rounds, arguments.seconds, arguments.connections)
    try:
        load.wrk_path()
        measured = asyncio.run(profile_turns.measure(plan, console))
    except (BenchError, TimeoutError) as problem:
        console.print(f"profile: {problem}", style="red", markup=False)
        return 1
    arguments.page.write_text(profile_page.render_page(measured))
    console.print(f"{arguments.page.name}: written; audit: {measured.audit}", highlight=False)
    return 0 if measured.audit == "clean" else 1


if __name__ == "__main__":
    sys.exit(main())
