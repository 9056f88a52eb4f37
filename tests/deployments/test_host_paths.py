"""A text for an answer names no file of the host, and keeps all other names."""

import pytest

from deployments.log_text import without_host_paths

HIDDEN = "(a path of the host)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("File /root/key.json was not found.", f"File {HIDDEN} was not found."),
        ("[Errno 2] No such file: '/srv/anava/runs/x'", f"[Errno 2] No such file: '{HIDDEN}'"),
        ("open /srv/a.b/c-d/, then /tmp/x/y: failed", f"open {HIDDEN}, then {HIDDEN}: failed"),
        ('"/var/lib/anava/"', f'"{HIDDEN}"'),
    ],
)
def test_a_path_is_hidden(text: str, expected: str) -> None:
    assert without_host_paths(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://console.cloud.google.com/iam-admin/iam?project=demo",
        "projects/demo/serviceAccounts/x",
        "//cloudresourcemanager.googleapis.com/projects/demo",
        "1 / 2 and a/b/c and 10/s",
        "main.tf:12",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert without_host_paths(text) == text
