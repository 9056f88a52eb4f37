"""Tests which permissions the caller has in a project."""

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from adapters.google.api import GoogleApi, RefusedByGoogle
from adapters.task_group import run_all
from deployments.permissions import BASIC_ROLE, Requirements, TestedPermissions, other_name

__all__ = ["GET_PROJECT", "GET_SERVICE", "check_permissions"]

GET_PROJECT = "resourcemanager.projects.get"
GET_SERVICE = "serviceusage.services.get"
# https://cloud.google.com/resource-manager/reference/rest/v3/projects/testIamPermissions
_MAX_PERMISSIONS = 100
_BAD_REQUEST = 400


async def check_permissions(
    api: GoogleApi, project: str, needed: Requirements
) -> TestedPermissions:
    """Test all permissions of a template, each long name of workload identity also by its short.

    A name that Google cannot test on a project makes the whole request 400, so that the names are
    tested in ever smaller groups, at last one by one.

    Raises:
        RefusedByGoogle: the project cannot be tested at all.
    """
    # Names that Google can always test: a refusal is about the project.
    granted = await _granted(api, project, (GET_PROJECT, GET_SERVICE))
    long_names = [name for name in needed.all_permissions if other_name(name)]
    plain_names = {*needed.all_permissions, *BASIC_ROLE} - {*long_names}
    plain, long = await run_all(_tested(api, project, names) for names in (plain_names, long_names))
    unproven = [name for name in long_names if name not in long.granted]
    short = await _tested(api, project, map(other_name, unproven))
    untestable = {name for name in long.untestable if other_name(name) in short.untestable}
    return TestedPermissions(
        granted | plain.granted | long.granted | short.granted, plain.untestable | untestable
    )


async def _tested(api: GoogleApi, project: str, names: Iterable[str]) -> TestedPermissions:
    ordered = sorted(names)
    groups = [
        ordered[start : start + _MAX_PERMISSIONS]
        for start in range(0, len(ordered), _MAX_PERMISSIONS)
    ]
    return _united([await _tested_group(api, project, group) for group in groups])


async def _tested_group(api: GoogleApi, project: str, names: Sequence[str]) -> TestedPermissions:
    """Test a group in one request, and after a 400 each half of the group."""
    try:
        return TestedPermissions(await _granted(api, project, names))
    except RefusedByGoogle as refused:
        if refused.error.http != _BAD_REQUEST:
            raise
    if len(names) == 1:
        return TestedPermissions(untestable={*names})
    middle = len(names) // 2
    halves = (names[:middle], names[middle:])
    return _united([await _tested_group(api, project, half) for half in halves])


async def _granted(api: GoogleApi, project: str, names: Sequence[str]) -> set[str]:
    path = f"v3/projects/{quote(project, safe='')}:testIamPermissions"
    response = await api.post("cloudresourcemanager", path, {"permissions": [*names]})
    granted = response.get("permissions")
    return {str(name) for name in granted} if isinstance(granted, list) else set()


def _united(results: Sequence[TestedPermissions]) -> TestedPermissions:
    granted = {name for result in results for name in result.granted}
    return TestedPermissions(granted, {name for result in results for name in result.untestable})
