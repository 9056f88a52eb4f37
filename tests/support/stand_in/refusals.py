"""Rules by which the stand-in refuses calls of the stack `anava`, and the calls that they meet."""

__all__ = ["BUCKET", "CONFIG", "ENABLE", "FUNCTION", "PROJECT", "rule"]

PROJECT = "/projects/demo-proj"
ENABLE = f"{PROJECT}/services.*[eE]nable"
BUCKET = "/b[?].*project=demo-proj"
FUNCTION = f"{PROJECT}/locations/us-central1/functions[?]"
CONFIG = "/apis/anava-api/configs[?]"


def rule(path: str, failure: str, *, times: int = 0, **fields: object) -> dict[str, object]:
    """What the stand-in answers to which call; 0 times: always."""
    return {"method": "POST", "path": path, "failure": failure, "times": times, **fields}
