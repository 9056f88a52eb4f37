"""Documents of the API as lines for a terminal."""

import json
from collections.abc import Iterable, Iterator

from cli.client import Document
from deployments.events import EndRecord
from deployments.labels import other_actor_label
from deployments.log_text import hole_text, visible
from deployments.reasons import Reason

__all__ = [
    "artifact_lines",
    "deployment_lines",
    "destruction_lines",
    "health_lines",
    "list_line",
    "log_line",
    "output_lines",
    "parse_variables",
    "retention_lines",
    "validation_lines",
    "verification_lines",
]

# For the names of omitted outputs on a terminal; the command that prints all is named beside them.
_MAX_NAMES = 10
_COUNTS = {
    "add": "resources created",
    "tainted": "resources created in part",
    "change": "resources updated",
    "remove": "resources destroyed",
    "imported": "resources imported",
    "moved": "resources moved",
    "forgotten": "resources forgotten",
    "outputs": "outputs changed",
    "actions": "actions invoked",
}
_SEVERITIES = {"blocking": "error"}
# https://firebase.google.com/docs/reference/firebase-management/rest has no method that reads them.
_FIREBASE_TERMS = (
    "Not checked, since Google has no request for it: whether the terms of Firebase are accepted. "
    "Before the first deployment of an account open https://console.firebase.google.com once."
)
# As in the setting `ANAVA_WORKER__MIN_FREE_MB`.
_MEGABYTE = 1_000_000
_ADDRESS_LABELS = {
    "not_applied": "not applied",
    "tainted": "created in part, replaced by the next deployment",
    "unchanged": "planned, but found unchanged",
    "unrecorded": "not in the state",
    "unknown": "outcome unknown",
}


def log_line(line: list[str]) -> str:
    """An entry of a `log` event: id, time, level, text. A sentence about a hole has no time."""
    _, time, level, text = line[:4]
    mark = "" if level == "info" else f"{level.upper()}: "
    head = f"{time[11:19]} {mark}".lstrip()
    return visible(f"{head}{text}")


def deployment_lines(deployment: Document) -> Iterator[str]:
    """A deployment with errors and outputs; values of sensitive outputs are left out."""
    result: Document = deployment.get("result") or {}
    yield f"{deployment.get('id', '')}: {deployment.get('status', 'accepted')}"
    fields = {**result, **{name: value for name, value in deployment.items() if value}}
    for name in ("phase", "reason", "message", "detail", "next_step"):
        if fields.get(name):
            yield f"  {name}: {fields[name]}"
    for error in result.get("errors") or []:
        yield from _error_lines(error, shown=fields)
    for name, label in _ADDRESS_LABELS.items():
        if fields.get(name):
            yield f"  {label}: {', '.join(fields[name])}"
    yield from (f"  {text}" for text in _count_lines(deployment, result))
    yield from (f"  {text}" for text in output_lines(result))
    yield from (f"  {text}" for text in _omission_lines(deployment, result))


def destruction_lines(destruction: Document) -> Iterator[str]:
    """The resources that a destroy leaves in the project or for later deletion."""
    yield f"Destroys the stack {destruction.get('stack')}. These stay in the project:"
    for item in destruction.get("retained") or []:
        yield f"  - {item['what']}: {item['why']}"
    if soft_deleted := destruction.get("soft_deleted"):
        yield "Google deletes these later:"
        for item in soft_deleted:
            yield f"  - {item['what']}, after {item['days']} days: {item['meaning']}"


def output_lines(result: Document) -> Iterator[str]:
    """A line for each output."""
    for output in result.get("outputs") or []:
        value = "(sensitive)" if output.get("sensitive") else _text(output.get("value"))
        yield f"{output.get('name')} = {value}"


def list_line(deployment: Document) -> str:
    """A deployment as a line of a list."""
    status, created_at = deployment.get("status", ""), _utc(deployment.get("created_at"))
    if deployment.get("reason") == Reason.STUCK:
        status = f"{status} ({Reason.STUCK})"
    return visible(
        f"{deployment['id']}  {status:17} {created_at:20}  {deployment.get('stack', '')}"
    )


def artifact_lines(page: Document) -> Iterator[str]:
    """A line for each artifact."""
    for artifact in page.get("items") or []:
        size, created_at = artifact["size_bytes"], _utc(artifact["created_at"])
        left_out = _left_out(artifact) if artifact.get("left_out") else ""
        yield f"{artifact['name']:24} {size:>12}  {artifact['sha256']}  {created_at}{left_out}"


def _left_out(artifact: Document) -> str:
    return f"  left out: {artifact['left_out']}: {artifact.get('left_out_message', '')}"


def verification_lines(report: Document) -> Iterator[str]:
    """The seals of a log and the verdict on every copy, as a table."""
    row = "{:12} {:>7} {:>11}  {:64}  {}".format
    yield row("copy", "step", "lines", "sha256", "verdict").rstrip()
    for seal in report["seals"]:
        yield row("seal", seal["step"], seal["lines"], seal["sha256"], _seal_end(seal))
    for copy in report["copies"]:
        for step in copy["steps"]:
            verdict = step["verdict"]
            if step["lines"] and not step["sealed"]:
                verdict += ", without its end record"
            yield row(copy["name"], step["step"], step["lines"], step["sha256"], verdict)
        if copy["error"] or not copy["steps"]:
            yield row(copy["name"], "", "", copy["error"], copy["verdict"])
    if not report["seals"] and report["equal"]:
        yield "There is no log: the deployment ended before its first step."
        return
    yield "All copies are equal." if report["equal"] else "Not all copies are equal."
    if any(EndRecord.from_fields(seal).has_hole for seal in report["seals"]):
        yield "The log lacks lines that terraform wrote."


def _seal_end(seal: Document) -> str:
    hole = hole_text(EndRecord.from_fields(seal))
    return visible(f"{seal['end']}: {hole}" if hole else str(seal["end"]))


def health_lines(health: Document) -> Iterator[str]:
    """The health document: a line for each field, the disk and each sink."""
    yield str(health.get("status", "unknown"))
    for name, value in health.items():
        if name not in {"status", "disk", "sinks"}:
            yield f"  {name.replace('_', ' ')}: {_text(value)}"
    if disk := health.get("disk"):
        free, needed = disk["free_bytes"] // _MEGABYTE, disk["needed_bytes"] // _MEGABYTE
        shortage = "" if disk["admits"] else f", almost full: a deployment needs {needed} MB"
        yield f"  disk: {free} MB free{shortage}"
    for sink in health.get("sinks") or []:
        lag = f"{sink['behind_lines']} lines behind for {sink['late_seconds']} s"
        label = lag if sink["behind_lines"] else "up to date"
        yield f"  sink {sink['name']}: {label}{': ' if sink['error'] else ''}{sink['error']}"


def parse_variables(pairs: Iterable[str]) -> Document:
    """The variables of `key=value` pairs; a value that is not JSON is taken as text.

    Raises:
        ValueError: a pair without `=` or without a name.
    """
    variables: Document = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (equals and name):
            raise ValueError(f"{pair!r} is not key=value")
        try:
            variables[name] = json.loads(value)
        except (ValueError, RecursionError):
            variables[name] = value
    return variables


def _error_lines(error: Document, shown: Document) -> Iterator[str]:
    """An error; texts that the deployment's own fields show already are left out."""
    severity = _SEVERITIES.get(error["severity"], error["severity"])
    resource, message = error["resource"], error["message"]
    subject = f"{resource}: " if resource and resource not in message else ""
    place = f" ({error['file']}:{error['line']})" if error["file"] else ""
    yield f"  {severity}: {subject}{message}{place}"
    if actor := other_actor_label(error.get("actor", "")):
        yield f"    who must act: {actor}"
    for name in ("detail", "next_step", "fix"):
        if error[name] and error[name] != shown.get(name):
            yield f"    {error[name]}"


def _count_lines(deployment: Document, result: Document) -> Iterator[str]:
    """The changes that were made, and those that were planned where they differ."""
    planned = _counts(result.get("planned") or {})
    made = _counts({**(result.get("counts") or {}), "tainted": len(result.get("tainted") or [])})
    if deployment.get("status") == "completed" and made == planned:
        yield made
    elif planned != _counts({}):
        yield f"made: {made}"
        yield f"planned: {planned}"


def _counts(counts: Document) -> str:
    parts = [f"{counts[name]} {label}" for name, label in _COUNTS.items() if counts.get(name)]
    return ", ".join(parts) or "no changes"


def _omission_lines(deployment: Document, result: Document) -> Iterator[str]:
    if names := result.get("omitted_outputs"):
        more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
        shown = ", ".join(names[:_MAX_NAMES])
        yield f"too long to show: {shown}{more} (anava outputs {deployment.get('id')})"
    if omitted := result.get("omitted"):
        yield f"left out: {omitted} entries (anava artifacts {deployment.get('id')} record.json)"


def _utc(time: str | None) -> str:
    """A time of the API, which is UTC, to the second."""
    return f"{time[:19]}Z" if time else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def retention_lines(reports: Iterable[Document], *, dry_run: bool) -> Iterator[str]:
    """Data that a pass of the retention deleted, or would delete, and why the rest stays."""
    verb = "would be deleted" if dry_run else "deleted"
    for report in reports:
        yield f"{report['kind']}, {report['days']} days:"
        yield f"  {_amount(report['expired'])} {verb}"
        for reason, amount in report["kept"].items():
            yield f"  {_amount(amount)} kept: {reason}"
        if report["error"]:
            yield visible(f"  error: {report['error']}")


def _amount(amount: Document) -> str:
    return f"{amount['count']:7}  {amount['size_bytes']:15,} bytes"


def validation_lines(validation: Document) -> Iterator[str]:
    """The findings of a check of a project, each with who must act, and what follows from them."""
    stack = f"{validation['project_id']}/{validation['prefix']}"
    yield f"{stack} in {validation['region']}, buckets in {validation['storage_location']}"
    if validation["account"]:
        yield f"Signed in as {validation['account']}"
    findings = validation["findings"]
    for item in findings:
        yield from _finding_lines(item)
    blocks, warnings, notes = (
        sum(item["severity"] == severity for item in findings)
        for severity in ("blocking", "warning", "note")
    )
    yield f"Findings: {blocks} that block a deployment, {warnings} warnings, {notes} notes."
    if validation["ready"]:
        yield f"The stack can be deployed. {_FIREBASE_TERMS}"
    else:
        yield "The stack cannot be deployed."


def _finding_lines(item: Document) -> Iterator[str]:
    """A finding; a note requires nothing of a person, so its next step is left out."""
    severity = item["severity"]
    yield f"{_SEVERITIES.get(severity, severity)}: {item['message']}"
    if severity != "note":
        yield f"  Who must act: {other_actor_label(item['actor']) or 'you'}"
        yield f"  {item['next_step']}"
    if item["fix"]:
        yield f"  {'Optional' if severity == 'note' else 'Fix'}: {item['fix']}"
