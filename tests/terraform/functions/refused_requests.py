"""Requests that neither function may take, with the status and the code that they answer."""

import json

GOOD_TYPE = "application/json"

# Method, content type, content, status, code.
Request = tuple[str, str, bytes, int, str]


def refused(field: str, most_bytes: int) -> list[Request]:
    """What is refused whatever the field's own rule."""
    good = json.dumps({field: "a"}).encode()
    return [
        *(
            (method, GOOD_TYPE, good, 405, "method_not_allowed")
            for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS")
        ),
        *(
            ("POST", content_type, good, 415, "not_json")
            for content_type in ("", "text/plain", "application/x-www-form-urlencoded", "json")
        ),
        *(
            ("POST", GOOD_TYPE, content, 400, "not_json")
            for content in (
                b"",
                b"{",
                b"\xff\xfe",
                b"{" * 500,
                b"[" * 1000,
                b'{"a":' * 150,
                good + good,
                good.replace(b'"', b"'"),
            )
        ),
        *(
            ("POST", GOOD_TYPE, content, 400, "bad_request")
            for content in (
                b"null",
                b"[]",
                b"{}",
                b"NaN",
                b'"text"',
                json.dumps({"more": 1}).encode(),
                json.dumps({field.upper(): "a"}).encode(),
            )
        ),
        ("POST", GOOD_TYPE, b" " * (most_bytes + 1), 413, "too_large"),
        ("POST", GOOD_TYPE, json.dumps({field: "x" * 1_000_000}).encode(), 413, "too_large"),
    ]
