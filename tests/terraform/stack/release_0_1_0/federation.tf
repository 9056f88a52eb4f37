# How a device's Firebase identity becomes a Google Cloud identity.
locals {
  # Ids that begin with "gcp-" are Google's, so the prefix does not come first.
  pool_id = join("-", compact(["devices", var.prefix, var.pool_suffix]))
}

resource "google_iam_workload_identity_pool" "devices" {
  workload_identity_pool_id = local.pool_id
  display_name              = "Anava devices"

  depends_on = [google_project_service.this]
}

resource "google_iam_workload_identity_pool_provider" "firebase" {
  workload_identity_pool_id          = google_iam_workload_identity_pool.devices.workload_identity_pool_id
  workload_identity_pool_provider_id = "firebase"
  display_name                       = "Firebase sign-in"

  # Firebase signs for every project with the same keys: issuer and audience bind a token to this one.
  # Only devices sign in with custom tokens, so users of another app in the project stay outside.
  attribute_condition = "assertion.aud == \"${var.project_id}\" && assertion.firebase.sign_in_provider == \"custom\""

  attribute_mapping = {
    "google.subject"             = "assertion.sub"
    "attribute.firebase_tenant"  = "has(assertion.firebase.tenant) ? assertion.firebase.tenant : \"\""
    "attribute.sign_in_provider" = "assertion.firebase.sign_in_provider"
  }

  oidc {
    issuer_uri        = "https://securetoken.google.com/${var.project_id}"
    allowed_audiences = [var.project_id] # the default would be the provider's own name
  }
}

# Whoever the pool lets in may act as vertex-ai, and as nobody else.
resource "google_service_account_iam_member" "devices_act_as_vertex_ai" {
  service_account_id = google_service_account.this["vertex-ai"].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.devices.name}/*"
}
