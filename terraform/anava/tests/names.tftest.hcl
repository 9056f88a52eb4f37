# Google's limits of names, with the longest and the shortest values that the variables accept.
# No call leaves the machine: the provider gives only its schema.
mock_provider "google" {}

mock_provider "google" {
  alias = "first"
}

run "the_longest_names_fit" {
  command = plan

  variables {
    project_id            = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    prefix                = "abcde-fghij-klm"
    pool_suffix           = "12345678"
    key_suffix            = "12345678"
    role_suffix           = "12345678"
    firestore_database_id = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    firebase_web_app_name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    region                = "northamerica-northeast1"
    storage_location      = "northamerica-northeast1"
    firestore_location    = "northamerica-northeast1"
  }

  assert {
    condition     = alltrue([for account in google_service_account.this : length(account.account_id) >= 6 && length(account.account_id) <= 30])
    error_message = "A service account's id has 6 to 30 characters: https://cloud.google.com/iam/docs/service-accounts-create"
  }

  assert {
    condition     = alltrue([for bucket in [google_storage_bucket.firebase, google_storage_bucket.functions] : can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", bucket.name))])
    error_message = "A bucket's name has 3 to 63 characters: https://cloud.google.com/storage/docs/buckets#naming"
  }

  assert {
    condition     = alltrue([for function in google_cloudfunctions2_function.this : can(regex("^[a-z]([a-z0-9-]{0,47}[a-z0-9])?$", function.name))])
    error_message = "A Cloud Run service's name has at most 49 characters: https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services/create"
  }

  assert {
    condition     = alltrue([for name in keys(local.archives) : length("${var.prefix}-${name}-fn-123456789012") <= 63])
    error_message = "A label of a host name has at most 63 characters (RFC 1035); a project's number has 12 digits."
  }

  assert {
    condition     = can(regex("^[a-z0-9-]{4,32}$", google_iam_workload_identity_pool.devices.workload_identity_pool_id)) && !startswith(google_iam_workload_identity_pool.devices.workload_identity_pool_id, "gcp-")
    error_message = "A pool's id has 4 to 32 characters and does not begin with gcp-: https://cloud.google.com/iam/docs/manage-workload-identity-pools-providers"
  }

  assert {
    condition     = can(regex("^[A-Za-z0-9_.]{3,64}$", google_project_iam_custom_role.device.role_id))
    error_message = "A role's id has 3 to 64 letters, digits, periods and underscores: https://cloud.google.com/iam/docs/creating-custom-roles"
  }

  assert {
    condition     = alltrue([for id in [google_api_gateway_api.this.api_id, google_api_gateway_gateway.this.gateway_id] : can(regex("^[a-z]([a-z0-9-]{0,47}[a-z0-9])?$", id))])
    error_message = "The ids of an API and a gateway have at most 49 characters: https://cloud.google.com/api-gateway/docs/reference/rest"
  }

  assert {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", google_apikeys_key.gateway.name))
    error_message = "A key's id has at most 63 characters: https://cloud.google.com/api-keys/docs/reference/rest/v2/projects.locations.keys/create"
  }

  assert {
    condition     = alltrue([for secret in google_secret_manager_secret.this : can(regex("^[A-Za-z0-9_-]{1,255}$", secret.secret_id))])
    error_message = "A secret's id has at most 255 characters: https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets/create"
  }
}

run "the_shortest_names_fit" {
  command = plan

  variables {
    project_id            = "aaaaaa"
    prefix                = "a"
    firestore_database_id = "aaaa"
  }

  assert {
    condition     = alltrue([for account in google_service_account.this : length(account.account_id) >= 6 && length(account.account_id) <= 30])
    error_message = "A service account's id has 6 to 30 characters: https://cloud.google.com/iam/docs/service-accounts-create"
  }

  assert {
    condition     = alltrue([for bucket in [google_storage_bucket.firebase, google_storage_bucket.functions] : can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", bucket.name))])
    error_message = "A bucket's name has 3 to 63 characters: https://cloud.google.com/storage/docs/buckets#naming"
  }

  assert {
    condition     = alltrue([for function in google_cloudfunctions2_function.this : can(regex("^[a-z]([a-z0-9-]{0,47}[a-z0-9])?$", function.name))])
    error_message = "A Cloud Run service's name has at most 49 characters: https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services/create"
  }

  assert {
    condition     = alltrue([for name in keys(local.archives) : length("${var.prefix}-${name}-fn-123456789012") <= 63])
    error_message = "A label of a host name has at most 63 characters (RFC 1035); a project's number has 12 digits."
  }

  assert {
    condition     = can(regex("^[a-z0-9-]{4,32}$", google_iam_workload_identity_pool.devices.workload_identity_pool_id)) && !startswith(google_iam_workload_identity_pool.devices.workload_identity_pool_id, "gcp-")
    error_message = "A pool's id has 4 to 32 characters and does not begin with gcp-: https://cloud.google.com/iam/docs/manage-workload-identity-pools-providers"
  }

  assert {
    condition     = can(regex("^[A-Za-z0-9_.]{3,64}$", google_project_iam_custom_role.device.role_id))
    error_message = "A role's id has 3 to 64 letters, digits, periods and underscores: https://cloud.google.com/iam/docs/creating-custom-roles"
  }

  assert {
    condition     = alltrue([for id in [google_api_gateway_api.this.api_id, google_api_gateway_gateway.this.gateway_id] : can(regex("^[a-z]([a-z0-9-]{0,47}[a-z0-9])?$", id))])
    error_message = "The ids of an API and a gateway have at most 49 characters: https://cloud.google.com/api-gateway/docs/reference/rest"
  }

  assert {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", google_apikeys_key.gateway.name))
    error_message = "A key's id has at most 63 characters: https://cloud.google.com/api-keys/docs/reference/rest/v2/projects.locations.keys/create"
  }

  assert {
    condition     = alltrue([for secret in google_secret_manager_secret.this : can(regex("^[A-Za-z0-9_-]{1,255}$", secret.secret_id))])
    error_message = "A secret's id has at most 255 characters: https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets/create"
  }
}

run "a_prefix_of_hyphens_fits" {
  command = plan

  variables {
    project_id = "demo-project"
    prefix     = "a-------------b"
  }

  assert {
    condition     = alltrue([for account in google_service_account.this : length(account.account_id) >= 6 && length(account.account_id) <= 30])
    error_message = "A service account's id has 6 to 30 characters: https://cloud.google.com/iam/docs/service-accounts-create"
  }

  assert {
    condition     = alltrue([for bucket in [google_storage_bucket.firebase, google_storage_bucket.functions] : can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", bucket.name))])
    error_message = "A bucket's name has 3 to 63 characters: https://cloud.google.com/storage/docs/buckets#naming"
  }

  assert {
    condition     = alltrue([for function in google_cloudfunctions2_function.this : can(regex("^[a-z]([a-z0-9-]{0,47}[a-z0-9])?$", function.name))])
    error_message = "A Cloud Run service's name has at most 49 characters: https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services/create"
  }

  assert {
    condition     = alltrue([for name in keys(local.archives) : length("${var.prefix}-${name}-fn-123456789012") <= 63])
    error_message = "A label of a host name has at most 63 characters (RFC 1035); a project's number has 12 digits."
  }

  assert {
    condition     = can(regex("^[a-z0-9-]{4,32}$", google_iam_workload_identity_pool.devices.workload_identity_pool_id)) && !startswith(google_iam_workload_identity_pool.devices.workload_identity_pool_id, "gcp-")
    error_message = "A pool's id has 4 to 32 characters and does not begin with gcp-: https://cloud.google.com/iam/docs/manage-workload-identity-pools-providers"
  }

  assert {
    condition     = can(regex("^[A-Za-z0-9_.]{3,64}$", google_project_iam_custom_role.device.role_id))
    error_message = "A role's id has 3 to 64 letters, digits, periods and underscores: https://cloud.google.com/iam/docs/creating-custom-roles"
  }

  assert {
    condition     = alltrue([for id in [google_api_gateway_api.this.api_id, google_api_gateway_gateway.this.gateway_id] : can(regex("^[a-z]([a-z0-9-]{0,47}[a-z0-9])?$", id))])
    error_message = "The ids of an API and a gateway have at most 49 characters: https://cloud.google.com/api-gateway/docs/reference/rest"
  }

  assert {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", google_apikeys_key.gateway.name))
    error_message = "A key's id has at most 63 characters: https://cloud.google.com/api-keys/docs/reference/rest/v2/projects.locations.keys/create"
  }

  assert {
    condition     = alltrue([for secret in google_secret_manager_secret.this : can(regex("^[A-Za-z0-9_-]{1,255}$", secret.secret_id))])
    error_message = "A secret's id has at most 255 characters: https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets/create"
  }
}
