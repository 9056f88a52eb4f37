locals {
  services = toset([for name in [
    "aiplatform",
    "apigateway",
    "apikeys", # the gateway's key
    "artifactregistry",
    "cloudbuild",
    "cloudfunctions",
    "cloudresourcemanager",
    "compute",
    "endpoints",
    "firebase",
    "firebaserules", # rulesets and their releases
    "firebasestorage",
    "firestore",
    "iam",
    "iamcredentials",
    "identitytoolkit",
    "run",
    "secretmanager",
    "servicecontrol", # the gateway asks it about each call's key and quota
    "servicemanagement",
    "serviceusage",
    "storage",
    "sts",
  ] : "${name}.googleapis.com"])
}

# Never switched off: other things in the customer's project may use them by the time of a destroy.
resource "google_project_service" "this" {
  for_each = local.services

  service                    = each.key
  disable_on_destroy         = false
  disable_dependent_services = false
}
