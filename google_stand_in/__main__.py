"""python -m google_stand_in --port N [--scenario NAME|FILE.json] [--rules FILE]: a process."""

import argparse
import json
import sys
from pathlib import Path

import uvicorn

from google_stand_in import scenario
from google_stand_in.app import StandIn
from google_stand_in.rules import Rule, parse
from google_stand_in.scenario import Scenario


def main(arguments: list[str]) -> int:
    """Serve on loopback until a signal arrives; exit status 2 for invalid rules."""
    parser = argparse.ArgumentParser(prog="stand_in", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rules", type=Path, help="a JSON list of rules")
    parser.add_argument(
        "--scenario", default="everything-allowed", help="a name in scenarios/, or a JSON file"
    )
    options = parser.parse_args(arguments)
    try:
        rules = _rules(options.rules)
    except (OSError, ValueError, RecursionError) as error:
        parser.error(f"{options.rules}: {error}")
    try:
        stand_in = StandIn(rules, _scenario(options.scenario))
    except (OSError, ValueError) as error:
        parser.error(f"{options.scenario}: {error}")
    uvicorn.run(
        stand_in,
        host="127.0.0.1",
        port=options.port,
        log_level="warning",
        lifespan="off",
        timeout_graceful_shutdown=1,  # a delayed call must not block the exit
    )
    return 0


def _scenario(name: str) -> Scenario:
    return scenario.read(Path(name)) if name.endswith(".json") else scenario.named(name)


def _rules(path: Path | None) -> list[Rule]:
    return parse(json.loads(path.read_bytes())) if path else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
