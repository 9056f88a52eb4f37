"""The APIs, a module per family."""

from google_stand_in.apis import (
    api_gateway,
    api_keys,
    builds,
    credentials,
    firebase,
    firebase_rules,
    firestore,
    functions,
    iam,
    identity_toolkit,
    org_policy,
    policies,
    resource_manager,
    secret_manager,
    service_usage,
    storage,
    storage_objects,
    workload_identity,
)
from google_stand_in.routing import in_order

ROUTES = in_order(
    [
        route
        for module in (
            api_gateway,
            api_keys,
            builds,
            credentials,
            firebase,
            firebase_rules,
            firestore,
            functions,
            iam,
            identity_toolkit,
            org_policy,
            policies,
            resource_manager,
            secret_manager,
            service_usage,
            storage,
            storage_objects,
            workload_identity,
        )
        for routes in module.ROUTES
        for route in routes
    ]
)
