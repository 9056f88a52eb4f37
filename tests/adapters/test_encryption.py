"""What travels encrypted is read with the right key, for the right deployment, or not at all."""

import base64
import json
import os
from pathlib import Path

import pytest

from adapters.encryption import AesGcmCipher, InputSigner
from deployments.deployment import DeploymentRequest, Stack
from deployments.errors import InvalidSettings, SecretsUnreadable
from deployments.secret_variables import decrypt_variables, encrypt_variables

OLD, NEW = b"o" * 32, b"n" * 32


def request(**variables: object) -> DeploymentRequest:
    stack = Stack("sandbox", "demo-project-1", "anava")
    text = json.dumps(variables, sort_keys=True)
    return DeploymentRequest(stack, "us-central1", "US", text)


@pytest.mark.parametrize("text", ["", "x", "pa\x00ss\u2028wörd🔑", "x" * 100_000])
def test_a_text_comes_back_whole_and_looks_new_each_time(text: str) -> None:
    cipher = AesGcmCipher([NEW])
    encrypted = {cipher.encrypt(text, "dep-a") for _ in range(3)}

    assert len(encrypted) == 3
    assert {cipher.decrypt(item, "dep-a") for item in encrypted} == {text}


def test_a_new_key_in_front_still_reads_what_the_old_one_wrote() -> None:
    encrypted = AesGcmCipher([OLD]).encrypt("secret", "dep-a")

    assert AesGcmCipher([NEW, OLD]).decrypt(encrypted, "dep-a") == "secret"
    with pytest.raises(SecretsUnreadable):
        AesGcmCipher([NEW]).decrypt(encrypted, "dep-a")


def test_it_means_nothing_to_another_deployment() -> None:
    cipher = AesGcmCipher([NEW])

    with pytest.raises(SecretsUnreadable):
        cipher.decrypt(cipher.encrypt("secret", "dep-a"), "dep-b")


@pytest.mark.parametrize(
    "encrypted", ["", "v1.", "v2.AAAA", "v1.é", "v1.!", "v1." + "A" * 16, "v1." + "A" * 400, "\0"]
)
def test_what_it_did_not_write_is_refused(encrypted: str) -> None:
    with pytest.raises(SecretsUnreadable):
        AesGcmCipher([NEW]).decrypt(encrypted, "dep-a")


def test_one_changed_bit_is_refused() -> None:
    cipher = AesGcmCipher([NEW])
    raw = bytearray(base64.urlsafe_b64decode(cipher.encrypt("secret", "dep-a")[3:]))
    for place in range(len(raw)):
        changed = bytes(raw[:place]) + bytes([raw[place] ^ 1]) + bytes(raw[place + 1 :])
        with pytest.raises(SecretsUnreadable):
            cipher.decrypt("v1." + base64.urlsafe_b64encode(changed).decode(), "dep-a")


def test_api_and_worker_find_the_same_key_in_their_data_folder(tmp_path: Path) -> None:
    encrypted = AesGcmCipher.open((), tmp_path).encrypt("secret", "dep-a")

    assert AesGcmCipher.open((), tmp_path).decrypt(encrypted, "dep-a") == "secret"
    assert (tmp_path / "secrets.key").stat().st_mode & 0o777 == 0o600


def test_a_file_that_holds_no_key_is_refused_and_left(tmp_path: Path) -> None:
    (tmp_path / "secrets.key").write_text("no key")

    with pytest.raises(InvalidSettings):
        AesGcmCipher.open((), tmp_path)
    assert (tmp_path / "secrets.key").read_text() == "no key"


def test_only_sensitive_variables_are_hidden_and_come_back() -> None:
    cipher = AesGcmCipher([os.urandom(32)])
    asked = request(lines=3, secret="hunter2-planted")  # noqa: S106 - planted

    hidden = encrypt_variables(asked, "dep-a", cipher)

    assert json.loads(hidden.variables_json) == {"lines": 3}
    assert "hunter2" not in repr(hidden)
    assert decrypt_variables(hidden, "dep-a", cipher) == asked


def test_a_request_without_secrets_stays_as_it_is() -> None:
    cipher = AesGcmCipher([NEW])
    asked = request(lines=3)

    assert encrypt_variables(asked, "dep-a", cipher) is asked
    assert decrypt_variables(asked, "dep-a", cipher) is asked


def test_each_key_of_the_ring_verifies_and_the_first_signs() -> None:
    old, new = os.urandom(32), os.urandom(32)
    signature = InputSigner([old]).sign("text")
    rotated = InputSigner([new, old])
    assert rotated.verify("text", signature)
    assert rotated.sign("text") == InputSigner([new]).sign("text") != signature
    assert not InputSigner([new]).verify("text", signature)


@pytest.mark.parametrize("signature", ["", "é", "\ud800", "0" * 64, "0" * 100_000])
def test_any_other_signature_is_refused(signature: str) -> None:
    signer = InputSigner([os.urandom(32)])
    assert not signer.verify("text", signature)
    assert not signer.verify("another text", signer.sign("text"))
    assert not signer.verify("text", signer.sign("text").upper() + "\n")
