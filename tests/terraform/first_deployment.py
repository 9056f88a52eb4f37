"""The page docs/first-deployment.md: the calls in order, with needs, delays and waits."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain
from pathlib import Path

from deployments.cause_rows import Action, CauseRow
from deployments.google_causes import GOOGLE_CAUSES
from deployments.reasons import Reason
from deployments.terraform_causes import TERRAFORM_CAUSES
from deployments.timings import RetryLimits
from tests.support.provider_calls import permissions_of, provider_calls
from tests.terraform.hcl_files import Body, bodies, texts

__all__ = ["DELAYS", "STOPS", "WAIT_TYPE", "ordered", "page", "waits_for"]

_REFERENCE = re.compile(r"(?<![\w.\"-])(?:data\.)?((?:google|terraform)_\w+)\.(\w+)")
# The type of the template's own waits: terraform creates them without a call.
WAIT_TYPE = "terraform_data"
_TEMPLATE_WAIT = "`var.propagation_seconds`: 60 s"
_LOCAL = re.compile(r"(?<![\w.])local\.(\w+)")

# What Google may not know yet at a type's calls, and what each wait of the template covers: the
# table of causes has the sources.
DELAYS: Mapping[str, tuple[Reason, ...]] = {
    "google_project_service": (
        Reason.SERVICE_NOT_FOUND,
        Reason.API_DISABLED,
        Reason.BILLING_DISABLED,
    ),
    "google_project_iam_member": (Reason.IDENTITY_PROPAGATING, Reason.CONCURRENT_CHANGE),
    "google_project_iam_custom_role": (Reason.API_DISABLED,),
    "google_service_account": (Reason.API_DISABLED,),
    "google_service_account_iam_member": (
        Reason.IDENTITY_PROPAGATING,
        Reason.CONCURRENT_CHANGE,
    ),
    "google_iam_workload_identity_pool": (Reason.API_DISABLED,),
    "google_iam_workload_identity_pool_provider": (Reason.RESOURCE_NOT_VISIBLE,),
    "google_storage_bucket": (Reason.API_DISABLED, Reason.BILLING_DISABLED),
    "google_storage_bucket_object": (Reason.GOOGLE_UNAVAILABLE,),
    "google_cloudfunctions2_function": (
        Reason.API_DISABLED,
        Reason.BUILD_ROLES_MISSING,
        Reason.IDENTITY_PROPAGATING,
    ),
    "google_cloud_run_service_iam_member": (
        Reason.IDENTITY_PROPAGATING,
        Reason.CONCURRENT_CHANGE,
    ),
    "google_secret_manager_secret": (Reason.API_DISABLED,),
    "google_secret_manager_secret_version": (Reason.RESOURCE_NOT_VISIBLE,),
    "google_apikeys_key": (Reason.API_DISABLED, Reason.SERVICE_NOT_FOUND),
    "google_firestore_database": (Reason.API_DISABLED, Reason.RESOURCE_NOT_VISIBLE),
    "google_firebaserules_ruleset": (Reason.API_DISABLED,),
    "google_firebaserules_release": (Reason.RESOURCE_NOT_VISIBLE,),
    "google_identity_platform_config": (Reason.API_DISABLED,),
    "google_firebase_project": (Reason.API_DISABLED,),
    "google_firebase_web_app": (Reason.RESOURCE_NOT_VISIBLE,),
    "google_firebase_storage_bucket": (Reason.API_DISABLED,),
    "google_api_gateway_api": (Reason.API_DISABLED,),
    "google_api_gateway_api_config": (Reason.IDENTITY_PROPAGATING,),
    "google_api_gateway_gateway": (Reason.KEEPS_FAILING,),
    "terraform_data.apis": (Reason.API_DISABLED, Reason.SERVICE_NOT_FOUND),
    "terraform_data.gateway_api": (Reason.SERVICE_NOT_FOUND,),
    "terraform_data.roles": (Reason.BUILD_ROLES_MISSING, Reason.IDENTITY_PROPAGATING),
}
# Refusals at a type's calls that no wait removes.
STOPS: Mapping[str, tuple[Reason, ...]] = {
    "google_project_service": (Reason.BILLING_DISABLED, Reason.PERMISSION_DENIED),
    "google_storage_bucket": (Reason.NAME_TAKEN, Reason.POLICY_FORBIDS),
    "google_cloudfunctions2_function": (Reason.BUILD_FAILED, Reason.RUNTIME_RETIRED),
    "google_firestore_database": (Reason.DATASTORE_MODE, Reason.POLICY_FORBIDS),
    "google_identity_platform_config": (Reason.BILLING_DISABLED,),
    "google_firebase_project": (Reason.FIREBASE_TERMS,),
    "google_service_account": (Reason.QUOTA_EXCEEDED,),
}
_INTRODUCTION = """\
# A first deployment, call by call

Generated from the template, the provider's calls and the tables of causes by `make template-docs`;
a test compares. Preflight has asked for project, billing, permissions, APIs and policies before
the first row (`adapters/google/preflight.py`). Resources of the same step do not need each other:
terraform creates them together.

*Can lag*: answers of Google that pass by themselves, by their reason in
[reference.md](reference.md#causes-of-refusals), which has the sources. *Wait*: the limit in
`deployments/timings.py:RetryLimits` that covers the delay; the service plans and applies again
within the limit. A `terraform_data` is a wait of the template itself (ADR 42): it calls nothing and
lasts `propagation_seconds`, a variable of the template, so that the answers under *can lag* are not
given to the resources after it. *Ends the deployment*: reasons after which a person must act, or
which the service must correct. The assignment of delays to types follows the sources of the causes
and a stand-in for Google; a real project was not used.
"""
_ROWS = (*GOOGLE_CAUSES, *TERRAFORM_CAUSES)


def ordered(folder: Path) -> list[tuple[int, Body, set[str]]]:
    """Return each resource with its step and the resources that it directly waits for.

    Resources of a step need only those of earlier steps, so terraform may create them together.
    """
    template = bodies(folder)
    resources = {body.label: body for body in template if body.keyword == "resource"}
    needs = {label: _needs(body, template) & {*resources} for label, body in resources.items()}

    @cache
    def step(label: str) -> int:
        return 1 + max((step(needed) for needed in needs[label]), default=0)

    labels = sorted(resources, key=lambda label: (step(label), label))
    return [(step(label), resources[label], needs[label]) for label in labels]


def _needs(body: Body, template: list[Body]) -> set[str]:
    """The resources that a block names, also through locals and data sources."""
    values = {
        name: value
        for item in template
        if item.keyword == "locals"
        for name, value in item.content.items()
    }
    sources = {item.label: item.content for item in template if item.keyword == "data"}
    seen: set[str] = set()
    labels: set[str] = set()
    queue: list[object] = [body.content]
    while queue:
        for text in texts(queue.pop()):
            fresh = {*_LOCAL.findall(text)} - seen
            seen |= fresh
            queue += [values[name] for name in fresh if name in values]
            for kind, name in _REFERENCE.findall(text):
                label = f"{kind}.{name}"
                if label in sources and label not in labels:
                    queue.append(sources[label])
                labels.add(label)
    return labels - {body.label}


def waits_for(reason: Reason) -> list[str]:
    """Return the waits that cover a reason, from the table of causes and its limits."""
    return sorted({_wait(row) for row in _ROWS if row.reason is reason} - {""})


def _wait(row: CauseRow) -> str:
    limits = RetryLimits()
    return {
        Action.WAIT: f"`propagation_seconds`: {limits.propagation_seconds} s",
        Action.RETRY: f"`most`: {limits.most} tries in `total_seconds`: {limits.total_seconds} s",
        Action.IMPORT: f"`most_imports`: {limits.most_imports} imports",
    }.get(row.action, "")


def page(folder: Path) -> Iterator[str]:
    """Yield the lines of the page."""
    yield from _INTRODUCTION.splitlines()
    yield ""
    yield "| Step | Resource | Calls | Permissions | After | Can lag | Wait | Ends the deployment |"
    yield "|--:|---|---|---|---|---|---|---|"
    for step, body, needs in ordered(folder):
        yield f"| {step} | {' | '.join(_cells(body, needs))} |"


def _cells(body: Body, needs: set[str]) -> Iterator[str]:
    is_wait = body.type == WAIT_TYPE
    calls = [] if is_wait else [call.key for call in provider_calls(body.type) if call.is_first]
    permissions = set() if is_wait else permissions_of(body.type, first=True)
    delays = DELAYS[body.label if is_wait else body.type]
    yield f"`{body.label}`"
    yield _joined(calls)
    yield _joined(sorted(permissions))
    yield _joined(sorted(needs))
    yield _joined(delays)
    yield _TEMPLATE_WAIT if is_wait else "<br>".join(sorted({*chain(*map(waits_for, delays))}))
    yield _joined(STOPS.get(body.type, ()))


def _joined(names: "list[str] | tuple[Reason, ...]") -> str:
    return "<br>".join(f"`{name}`" for name in names)
