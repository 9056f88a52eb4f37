# The service packs functions/<name>/ into functions/<name>.zip, the same bytes for the same content
# (adapters/terraform/function_archives.py), so a new hash means new code and nothing else does.
locals {
  # Of an instance, and as many threads: the framework's server has 4 a CPU by default, and more calls
  # would wait for a thread while Cloud Run sees an instance with room.
  # https://github.com/GoogleCloudPlatform/functions-framework-python
  concurrent_calls = 40

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
        WIF_PROVIDER_ID              = local.pool_provider_id
        TARGET_SERVICE_ACCOUNT_EMAIL = google_service_account.this["vertex-ai"].email
      }
    }
  }

  # Cloud Run's deterministic address, known before the function exists: a reference to the function
  # would make it create-before-destroy with the gateway's config, and a function of a failed build
  # could never be replaced. https://cloud.google.com/run/docs/triggering/https-request
  function_addresses = {
    for name in keys(local.archives) :
    name => "https://${var.prefix}-${name}-fn-${google_firebase_project.this.project_number}.${var.region}.run.app"
  }

  archives = {
    device-auth = "${path.module}/functions/device-auth.zip"
    tvm         = "${path.module}/functions/token-vending.zip"
  }

  sources = { for name, archive in local.archives : name => "source-${name}-${filesha256(archive)}.zip" }
}

# Other code is another object, not a replaced one: in states of 0.1.0 the gateway's config depends on
# the objects, and terraform finds no order in which to replace both ("Cycle").
resource "google_storage_bucket_object" "functions" {
  for_each = { for name, source in local.sources : source => local.archives[name] }

  bucket       = google_storage_bucket.functions.name
  name         = each.key
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
        object = google_storage_bucket_object.functions[local.sources[each.key]].name
      }
    }
  }

  service_config {
    service_account_email = google_service_account.this[each.key].email
    environment_variables = merge(each.value.environment, { THREADS = tostring(local.concurrent_calls) })

    # The gateway comes from outside the customer's network; who may call is for IAM to say.
    ingress_settings = "ALLOW_ALL"

    # A call waits for Google and computes nothing. 10 instances of 40 calls are far more than the
    # gateway's quota lets through, and the limit of what a flood can cost.
    available_cpu                    = "1"
    available_memory                 = "256Mi"
    max_instance_count               = 10
    max_instance_request_concurrency = local.concurrent_calls
    timeout_seconds                  = 30 # two calls of 8 s each, and room
  }

  # The build begins at once and needs its roles by then.
  depends_on = [terraform_data.roles]
}
