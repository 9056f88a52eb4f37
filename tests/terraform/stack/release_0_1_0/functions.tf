# The service packs functions/<name>/ into functions/<name>.zip, the same bytes for the same content
# (adapters/terraform/function_archives.py), so a new hash means new code and nothing else does.
locals {
  functions = {
    device-auth = {
      entry_point = "initiate"
      environment = {
        SERVICE_ACCOUNT_EMAIL = google_service_account.this["device-auth"].email
      }
    }
    tvm = {
      entry_point = "vend"
      environment = {
        WIF_PROJECT_NUMBER           = google_firebase_project.this.project_number
        WIF_POOL_ID                  = google_iam_workload_identity_pool.devices.workload_identity_pool_id
        WIF_PROVIDER_ID              = google_iam_workload_identity_pool_provider.firebase.workload_identity_pool_provider_id
        TARGET_SERVICE_ACCOUNT_EMAIL = google_service_account.this["vertex-ai"].email
      }
    }
  }

  archives = {
    device-auth = "${path.module}/functions/device-auth.zip"
    tvm         = "${path.module}/functions/token-vending.zip"
  }
}

resource "google_storage_bucket_object" "functions" {
  for_each = local.archives

  bucket       = google_storage_bucket.functions.name
  name         = "${each.key}-${filesha256(each.value)}.zip"
  source       = each.value
  content_type = "application/zip"
}

resource "google_cloudfunctions2_function" "this" {
  for_each = local.functions

  name     = "${var.prefix}-${each.key}-fn"
  location = var.region

  build_config {
    runtime         = "python312"
    entry_point     = each.value.entry_point
    service_account = google_service_account.this["build"].name

    source {
      storage_source {
        bucket = google_storage_bucket.functions.name
        object = google_storage_bucket_object.functions[each.key].name
      }
    }
  }

  service_config {
    service_account_email = google_service_account.this[each.key].email
    environment_variables = each.value.environment

    # The gateway comes from outside the customer's network; who may call is for IAM to say.
    ingress_settings = "ALLOW_ALL"

    # A call waits for Google and computes nothing. 10 instances of 40 calls are far more than the
    # gateway's quota lets through, and the limit of what a flood can cost.
    available_cpu                    = "1"
    available_memory                 = "256Mi"
    max_instance_count               = 10
    max_instance_request_concurrency = 40
    timeout_seconds                  = 30 # two calls of 8 s each, and room
  }

  # The build begins at once and needs its roles by then.
  depends_on = [google_project_iam_member.this]
}
