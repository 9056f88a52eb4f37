"""What the messages say together."""

import json

from adapters.redaction import Redactor
from adapters.terraform.machine_ui import Fold, decode


def test_a_number_that_holds_a_secret_stays_json() -> None:
    """It became `[secret]` without quotes, and the API could not read the result."""
    fold = Fold(Redactor(["123456789"]).clean)
    line = {
        "@message": "Outputs: 1",
        "type": "outputs",
        "outputs": {"account": {"sensitive": False, "type": "number", "value": 123456789}},
    }
    message = decode(json.dumps(line).encode())
    assert message is not None

    fold.add(message)

    value = json.loads(fold.outputs[0].value_json)
    assert "123456789" not in str(value)
