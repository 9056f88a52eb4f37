"""`anava validate`: the checks that each deployment of `anava` begins with, without a service."""

import logging
import warnings
from dataclasses import asdict, replace

from adapters import settings
from adapters.google.api import GoogleApi
from adapters.google.preflight import GooglePreflight
from adapters.google.tokens import GoogleTokenProvider
from adapters.settings import Settings
from cli.client import CommandError, Document
from deployments.credentials import SERVICE
from deployments.deployment import DeploymentRequest
from deployments.errors import Audience, InvalidRequest, SignInExpired, Unavailable
from deployments.explanations import Actor
from deployments.findings import Finding, finding
from deployments.log_text import visible
from deployments.preflight import blocking
from deployments.reasons import Reason
from deployments.requests import DeploymentFields, check

__all__ = ["validate"]

# https://cloud.google.com/docs/authentication/provide-credentials-adc
_SIGN_IN = "gcloud auth application-default login"


async def validate(fields: DeploymentFields) -> Document:
    """Check a project as preflight does, with this machine's credential. Only reads.

    The document has the fields of the API's answer, and target and account of the check. A missing
    sign-in and a Google that does not answer are findings, too.

    Raises:
        CommandError: a field breaks a rule; nothing was sent.
        InvalidSettings: a setting is wrong.
    """
    loaded = settings.load()
    request = _checked(fields, loaded)
    settings.apply_network(loaded.network)
    _silence_sign_in()
    account, findings = await _findings(request, loaded)
    return {
        "project_id": request.stack.project_id,
        "ready": blocking(findings) is None,
        "findings": [asdict(item) for item in findings],
        "template": request.stack.template,
        "prefix": request.stack.prefix,
        "region": request.region,
        "storage_location": request.storage_location,
        "account": account,
    }


def _checked(fields: DeploymentFields, loaded: Settings) -> DeploymentRequest:
    try:
        return check(fields, loaded.terraform.offered)
    except InvalidRequest as error:
        problems = [
            visible(f"  {problem.pointer}: {problem.message}") for problem in error.problems
        ]
        raise CommandError("\n".join([str(error), *problems])) from None


def _silence_sign_in() -> None:
    """Silence notices of Google's library: each is a finding, or about a quota project.

    Every request names the project that is checked as its quota project.
    """
    logging.getLogger("google.auth").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=UserWarning, module=r"google\.auth")


async def _findings(request: DeploymentRequest, loaded: Settings) -> tuple[str, list[Finding]]:
    """The account of the credential, empty where unknown, and the findings."""
    google = loaded.google
    tokens = GoogleTokenProvider.open(google)
    api = GoogleApi(tokens, google.endpoint)
    account = google.impersonate or ""
    try:
        account = (await tokens.credential(SERVICE)).email
        return account, await GooglePreflight(api, loaded.terraform.templates).check(request)
    except SignInExpired as error:
        expired = finding(
            Reason.SIGN_IN_EXPIRED, f"{error}", fix="" if google.impersonate else _SIGN_IN
        )
        return account, [expired]
    except Unavailable as error:
        return account, [_unavailable(error)]
    finally:
        await api.close()
        await tokens.close()


def _unavailable(error: Unavailable) -> Finding:
    """The finding of a Google that this machine does not reach; its user is the operator, too."""
    return replace(
        finding(
            Reason.PREFLIGHT_FAILED,
            f"The project could not be checked: {error}.",
            next_step="Check the network of this machine and the setting ANAVA_GOOGLE__ENDPOINT, "
            "then check the project again.",
        ),
        actor=Actor.PERSON,
        audience=Audience.USER,
    )
