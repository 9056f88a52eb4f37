# Texts are write-only: neither plan nor state holds them here. No identity of ours may read them; the
# project's owners may.
locals {
  secrets = {
    firebase-config  = jsonencode(local.firebase_config)
    firebase-api-key = local.firebase_config.apiKey
  }
}

resource "google_secret_manager_secret" "this" {
  for_each = toset(["firebase-config", "firebase-api-key"])

  secret_id = "${var.prefix}-${each.key}"

  replication {
    auto {}
  }

  depends_on = [google_project_service.this]
}

resource "google_secret_manager_secret_version" "this" {
  for_each = google_secret_manager_secret.this

  secret         = each.value.id
  secret_data_wo = local.secrets[each.key]
  # A write-only text cannot be compared; another text has another number here (32 bits of its hash).
  secret_data_wo_version = parseint(substr(sha256(local.secrets[each.key]), 0, 8), 16)
}
