"""Reads the prices beside the templates."""

import logging
from collections.abc import Iterable
from pathlib import Path

from deployments.costs import CostTable, read_costs
from deployments.errors import CostsUnreadable

__all__ = ["read_template_costs"]

_log = logging.getLogger("anava.costs")


def read_template_costs(templates: Path, names: Iterable[str]) -> dict[str, CostTable]:
    """Return the costs of the named templates; a template without `costs.json` has none.

    An unreadable file is logged, and its template has no costs: prices are no reason to stop a
    service that deploys.
    """
    costs: dict[str, CostTable] = {}
    for name in sorted(names):
        path = templates / name / "costs.json"
        try:
            costs[name] = read_costs(path.read_bytes())
        except FileNotFoundError:
            continue
        except (CostsUnreadable, OSError) as error:
            _log.warning("%s/costs.json is unreadable, so no costs are shown: %s", name, error)
    return costs
