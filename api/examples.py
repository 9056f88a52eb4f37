"""One realistic answer for each route, as the API's documentation shows it."""

import json
from typing import Any

__all__ = [
    "ACAP_CONFIG",
    "ACCEPTED",
    "ARTIFACTS",
    "CANCELLING",
    "COMPLETED",
    "DEPLOY",
    "DESTRUCTION",
    "HEALTH",
    "LIVE",
    "LOG_LINES",
    "LOG_PAGE",
    "LOG_TEXT",
    "PAGE",
    "PLAN",
    "PROGRESS",
    "STREAM",
    "VERSION",
    "WORKER_HEALTH",
]

_ID = "dep-m7s3qk2xv5ahd4jzcy6rnw2ptu"
_PATH = f"/api/deployment/{_ID}"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_LINKS = {
    "self": _PATH,
    "logs": f"{_PATH}/logs",
    "stream": f"{_PATH}/logs/stream",
    "resources": f"{_PATH}/resources",
    "plan": f"{_PATH}/plan",
    "artifacts": f"{_PATH}/artifacts",
    "cancel": f"{_PATH}/cancel",
}
_STACK = {
    "id": _ID,
    "stack": "local.sandbox.demo-project-1.anava",
    "template": "sandbox",
    "project_id": "demo-project-1",
    "prefix": "anava",
    "region": "us-central1",
    "storage_location": "US",
    "operation": "deploy",
}
_ADDRESS = "terraform_data.services[0]"

DEPLOY: dict[str, Any] = {
    "project_id": "demo-project-1",
    "region": "us-central1",
    "prefix": "anava",
    "template": "sandbox",
    "variables": {"resource_seconds": 1},
}
ACCEPTED: dict[str, Any] = {**_STACK, "created_at": "2026-11-24T10:00:00.000Z", "links": _LINKS}
_SUMMARY: dict[str, Any] = {
    **ACCEPTED,
    "status": "completed",
    "phase": "finalize",
    "reason": "applied",
    "ended_at": "2026-11-24T10:00:04.120Z",
}
PAGE: dict[str, Any] = {"items": [_SUMMARY], "next_cursor": None}
_RESULT: dict[str, Any] = {
    "detail": "",
    "counts": {"add": 12, "change": 0, "remove": 0, "imported": 0},
    "changed": [_ADDRESS],
    "not_applied": [],
    "unrecorded": [],
    "unknown": [],
    "errors": [],
    "outputs": [
        {"name": "storage_location", "sensitive": False, "value": "US"},
        {"name": "api_key", "sensitive": True, "value": None},
    ],
    "seals": [{"step": 1, "end": "exited", "lines": 12, "sha256": _SHA256}],
    "plan_sha256": _SHA256,
    "cancel": None,
    "terraform_version": "1.11.4",
    "omitted": 0,
}
_NOTHING = {
    "can_cancel": False,
    "can_force_cancel": False,
    "can_approve": False,
    "can_discard": False,
    "can_retry": False,
    "can_destroy": False,
}
COMPLETED: dict[str, Any] = {
    **_SUMMARY,
    "variables": {"resource_seconds": 1},
    "message": "All planned changes were made.",
    "next_step": "",
    "cancel_requested": False,
    "cancel_too_late": False,
    "actions": {**_NOTHING, "can_destroy": True},
    "host": "host-1",
    "result": _RESULT,
}
CANCELLING: dict[str, Any] = {
    **COMPLETED,
    "status": "running",
    "phase": "apply",
    "reason": "none",
    "ended_at": None,
    "message": "",
    "cancel_requested": True,
    "actions": {**_NOTHING, "can_force_cancel": True},
    "result": None,
}
PROGRESS: dict[str, Any] = {
    "step": 3,
    "phase": "apply",
    "until": "3-42",
    "resources": [
        {
            "address": _ADDRESS,
            "action": "create",
            "status": "running",
            "started_at": "2026-11-24T10:00:02.000Z",
            "elapsed_seconds": 1.0,
            "id": "",
            "reason": "",
            "typical_seconds": 0,
            "overdue": False,
        }
    ],
    "counts": {"planned": 0, "running": 1, "done": 0, "failed": 0},
}
PLAN: dict[str, Any] = {
    "terraform_version": "1.11.4",
    "counts": {"create": 1},
    "destroyed": [],
    "replaced": [],
    "adopted": [],
    "changes": [
        {
            "address": _ADDRESS,
            "previous_address": "",
            "action": "create",
            "actions": ["create"],
            "reason": "",
            "replace_paths": [],
            "importing": "",
            "adopted": False,
            "before": None,
            "after": {"id": "(known after apply)", "input": "(sensitive)"},
        }
    ],
    "outputs": [{"name": "api_key", "action": "create", "before": None, "after": "(sensitive)"}],
}
ARTIFACTS: dict[str, Any] = {
    "items": [
        {
            "name": "outputs.json",
            "size_bytes": 312,
            "sha256": _SHA256,
            "content_type": "application/json",
            "created_at": "2026-11-24T10:00:04.100Z",
        }
    ]
}
LOG_PAGE: dict[str, Any] = {
    "events": [
        {
            "id": "3-42",
            "time": "2026-11-24T10:00:02.000Z",
            "level": "info",
            "phase": "apply",
            "text": f"{_ADDRESS}: Creating...",
        }
    ],
    "next_after": "3-42",
    "previous_before": "3-42",
    "end": False,
}
ACAP_CONFIG: dict[str, Any] = {
    "firebase": {
        "webApiKey": "AIza…",
        "authDomain": "demo-project-1.firebaseapp.com",
        "projectId": "demo-project-1",
        "storageBucket": "demo-project-1-anava-firebase",
        "messagingSenderId": "123456789012",
        "appId": "1:123456789012:web:0123456789abcdef",
        "databaseURL": "https://demo-project-1-default-rtdb.firebaseio.com",
    },
    "googleAI": {
        "apiKey": "AIza…",
        "apiGatewayUrl": "https://anava-0123456.uc.gateway.dev",
        "apiGatewayKey": "AIza…",
        "gcpProjectId": "demo-project-1",
        "gcpRegion": "us-central1",
        "gcsBucketName": "demo-project-1-anava-firebase",
    },
    "deployment": {
        "version": "0.1.0",
        "timestamp": "2026-11-24T10:00:04Z",
        "deploymentId": _ID,
        "outputs": {"api_gateway_url": "https://anava-0123456.uc.gateway.dev"},
    },
}
DESTRUCTION: dict[str, Any] = {
    "stack": "anava.demo-project-1.anava",
    "confirm": "demo-project-1/anava",
    "kept": [
        {
            "what": "the APIs that were switched on",
            "why": "something else in the project may use them",
        }
    ],
    "held": [{"what": "API key", "days": 30, "meaning": "it is refused"}],
}
VERIFICATION: dict[str, Any] = {
    "equal": True,
    "seals": [{"step": 3, "end": "complete", "lines": 42, "sha256": _SHA256}],
    "copies": [
        {
            "name": name,
            "verdict": "equal",
            "steps": [
                {"step": 3, "verdict": "equal", "lines": 42, "sha256": _SHA256, "sealed": True}
            ],
            "error": "",
        }
        for name in ("record.json", "local", "redis")
    ],
}
LOG_TEXT = f"2026-11-24T10:00:02.000Z {_ADDRESS}: Creating...\n"
LOG_LINES = json.dumps(LOG_PAGE["events"][0]) + "\n"
STREAM = (
    'event: status\ndata: {"status":"running","phase":"apply"}\n\n'
    "id: 3-42\nevent: log\n"
    f'data: {{"lines":[["3-42","2026-11-24T10:00:02.000Z","info","{_ADDRESS}: Creating..."]]}}\n\n'
    'event: source\ndata: {"source":"gcs","words":"reading from Cloud Storage"}\n\n'
    'event: end\ndata: {"status":"completed"}\n\n'
)
LIVE: dict[str, Any] = {"status": "ok"}
HEALTH: dict[str, Any] = {
    "status": "healthy",
    "temporal": True,
    "workers": 2,
    "active_deployments": 1,
    "backlog": 0,
    "sinks": [
        {
            "name": "redis",
            "steps": 1,
            "position": "",
            "behind_lines": 0,
            "late_seconds": 0.0,
            "error": "",
        }
    ],
}
WORKER_HEALTH: dict[str, Any] = {
    "status": "healthy",
    "workers": [
        {
            "identity": "worker-1@host-1",
            "host": "host-1",
            "process_id": "4711",
            "queue": "anava",
            "status": "running",
            "version": "2ae091e5ab3afc7778d28d9f0a91bd27",
            "sdk_version": "1.35.0",
            "started_at": "2026-11-24T09:00:00.000Z",
            "seen_at": "2026-11-24T10:00:00.000Z",
            "workflows": {"used": 0, "free": 100},
            "activities": {"used": 1, "free": 19},
        }
    ],
    "queues": [{"name": "anava", "kind": "workflow", "backlog": 0, "backlog_age_seconds": 0.0}],
    "running_steps": 1,
}
VERSION: dict[str, Any] = {"version": "0.1.0"}
VALIDATE: dict[str, Any] = {
    "project_id": "demo-project-1",
    "region": "us-central1",
    "prefix": "anava",
    "storage_location": "US",
    "template": "anava",
}
VALIDATION: dict[str, Any] = {
    "project_id": "demo-project-1",
    "ready": False,
    "findings": [
        {
            "cause": "permission_denied",
            "severity": "blocking",
            "message": "The permission iam.serviceAccounts.create is missing in demo-project-1.",
            "next_step": "Ask an owner of the project to grant it, then deploy again.",
            "fix": "https://console.cloud.google.com/iam-admin/iam?project=demo-project-1",
            "audience": "user",
            "resource": "iam.serviceAccounts.create",
            "detail": "",
            "file": "",
            "line": 0,
        }
    ],
}
PROJECTS: dict[str, Any] = {
    "items": [{"project_id": "demo-project-1", "name": "Demo", "number": "123456789012"}]
}
