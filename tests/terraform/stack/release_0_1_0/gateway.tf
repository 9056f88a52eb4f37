locals {
  # Where API Gateway is offered; elsewhere the nearest of them answers and calls the functions.
  # https://cloud.google.com/api-gateway/docs/deployment-model
  gateway_regions = [
    "asia-northeast1", "australia-southeast1", "europe-west1", "europe-west2", "us-central1",
    "us-east1", "us-east4", "us-west2", "us-west3", "us-west4",
  ]
  nearest_gateway = {
    africa       = "europe-west1"
    asia         = "asia-northeast1"
    australia    = "australia-southeast1"
    europe       = "europe-west1"
    me           = "europe-west1"
    northamerica = "us-east4"
    southamerica = "us-east1"
    us           = "us-central1"
  }
  gateway_region = contains(local.gateway_regions, var.region) ? var.region : lookup(local.nearest_gateway, split("-", var.region)[0], "us-central1")

  routes = {
    "/device-auth/initiate" = {
      operation = "initiateDeviceAuth"
      function  = "device-auth"
      field     = "device_id"
      summary   = "A Firebase custom token for a device."
    }
    "/gcp-token/vend" = {
      operation = "vendGcpToken"
      function  = "tvm"
      field     = "firebase_id_token"
      summary   = "A Google Cloud access token for a signed-in device."
    }
  }

  openapi = jsonencode({
    swagger  = "2.0"
    info     = { title = "${var.prefix}-api", version = "1.0.0" }
    schemes  = ["https"]
    consumes = ["application/json"]
    produces = ["application/json"]

    securityDefinitions = {
      api_key = { type = "apiKey", name = "x-api-key", in = "header" }
    }

    # Whoever has the key can ask for a token of any device id: a limit keeps that from being a
    # flood. 600 a minute are 600 cameras that start in the same minute; a token lives an hour.
    x-google-management = {
      metrics = [{ name = "calls", displayName = "Calls", valueType = "INT64", metricKind = "DELTA" }]
      quota = {
        limits = [{
          name   = "calls-per-minute"
          metric = "calls"
          unit   = "1/min/{project}"
          values = { STANDARD = 1200 } # each camera calls twice
        }]
      }
    }

    paths = {
      for path, route in local.routes : path => {
        post = {
          operationId      = route.operation
          summary          = route.summary
          security         = [{ api_key = [] }]
          x-google-quota   = { metricCosts = { calls = 1 } }
          x-google-backend = { address = google_cloudfunctions2_function.this[route.function].service_config[0].uri, deadline = 30 }
          parameters = [{
            in       = "body"
            name     = "body"
            required = true
            schema   = { type = "object", required = [route.field], properties = { (route.field) = { type = "string" } } }
          }]
          responses = {
            "200" = { description = "The token.", schema = { type = "object" } }
            "400" = { description = "The request is malformed." }
            "401" = { description = "The key or the identity is not accepted." }
          }
        }
      }
    }
  })

  # A config cannot be changed: other content is another config, and the same content the same one.
  config_id = "config-${substr(sha256("${local.openapi} ${google_service_account.this["api-gateway"].email}"), 0, 12)}"
}

resource "google_api_gateway_api" "this" {
  api_id       = "${var.prefix}-api"
  display_name = "${var.prefix}-api"

  depends_on = [google_project_service.this]
}

resource "google_api_gateway_api_config" "this" {
  api           = google_api_gateway_api.this.api_id
  api_config_id = local.config_id
  display_name  = local.config_id

  openapi_documents {
    document {
      path     = "openapi.json"
      contents = base64encode(local.openapi)
    }
  }

  gateway_config {
    backend_config {
      google_service_account = google_service_account.this["api-gateway"].email
    }
  }

  # The gateway moves to the new one before the old one goes. What cannot be read back of an adopted
  # one is no reason to replace it: other content has another id.
  lifecycle {
    create_before_destroy = true
    ignore_changes        = [gateway_config, openapi_documents]
  }
}

resource "google_api_gateway_gateway" "this" {
  gateway_id   = "${var.prefix}-gateway"
  display_name = "${var.prefix}-gateway"
  api_config   = google_api_gateway_api_config.this.id
  region       = local.gateway_region

  depends_on = [google_cloud_run_service_iam_member.gateway_invokes]

  lifecycle {
    postcondition {
      condition     = try(length(self.default_hostname), 0) > 0
      error_message = "The gateway has no host name yet: deploy again."
    }
  }
}

# The API itself is a service of the project and answers no key until it is enabled there. It exists
# once a config was rolled out; with its API it disappears, so there is nothing to switch off.
resource "google_project_service" "gateway" {
  service            = google_api_gateway_api.this.managed_service
  disable_on_destroy = false

  depends_on = [google_api_gateway_api_config.this]
}

# A key for this gateway and nothing else.
resource "google_apikeys_key" "gateway" {
  name         = join("-", compact([var.prefix, "gateway-key", var.key_suffix]))
  display_name = "Anava: cameras call the gateway with it"

  restrictions {
    api_targets {
      service = google_project_service.gateway.service
    }
  }
}
