"""identitytoolkit v2: the configuration, present once Identity Platform is enabled."""

from google_stand_in.answers import Json, refusal
from google_stand_in.routing import Call, Routes, merged

API = Routes("identitytoolkit")
ROUTES = (API,)

CONFIGS = "identityConfigs"
# Google always returns this field; without the field an empty `signIn` would be no block.
_HASH = {"algorithm": "SCRYPT", "signerKey": "c3RhbmQtaW4=", "saltSeparator": "Bw==", "rounds": 8}


def _name(call: Call) -> str:
    return f"{call.root}config"


# https://cloud.google.com/identity-platform/docs/access-control, CreateConfig
@API.post("projects/{project}/identityPlatform:initializeAuth", "firebaseauth.configs.create")
def initialize(call: Call) -> Json:
    name = _name(call)
    if not call.project.billing:
        raise call.failing("billing_identity")
    if name in call.world.kind(CONFIGS):
        message = (
            "INVALID_PROJECT_ID : Identity Platform has already been enabled for this project."
        )
        raise refusal(400, message)
    config = {
        "name": f"{call.numbered}config",
        "signIn": {"hashConfig": {**_HASH, "memoryCost": 14}},
        "authorizedDomains": [
            "localhost",
            f"{call.project.project_id}.firebaseapp.com",
            f"{call.project.project_id}.web.app",
        ],
        "subtype": "IDENTITY_PLATFORM",
    }
    call.world.put(CONFIGS, name, config)
    return {}


def _found(call: Call) -> Json:
    found = call.world.kind(CONFIGS).get(_name(call))
    if found is None:
        raise refusal(404, "CONFIGURATION_NOT_FOUND")
    return found


@API.get("projects/{project}/config", "firebaseauth.configs.get")
def get(call: Call) -> Json:
    return _found(call)


@API.patch("projects/{project}/config", "firebaseauth.configs.update")
def patch(call: Call) -> Json:
    old = _found(call)
    config = merged(old, call.body, call.query.get("updateMask", ""))
    hashing = {"hashConfig": old["signIn"]["hashConfig"]}
    config["signIn"] = {**(config.get("signIn") or {}), **hashing}
    call.world.kind(CONFIGS)[_name(call)] = config
    return config
