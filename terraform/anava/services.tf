locals {
  # Terraform asks both before it enables anything else.
  first_services = toset(["cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com"])

  services = toset([for name in [
    "aiplatform",
    "apigateway",
    "apikeys", # the gateway's key
    "artifactregistry",
    "cloudbuild",
    "cloudfunctions",
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
    "storage",
    "sts",
  ] : "${name}.googleapis.com"])
}

# On a project where they are off, a call that counts against this project is refused: so these calls
# count against the caller's own. https://github.com/hashicorp/terraform-provider-google/issues/14174
resource "google_project_service" "first" {
  provider = google.first
  for_each = local.first_services

  service                    = each.key
  disable_on_destroy         = false
  disable_dependent_services = false
}

moved {
  from = google_project_service.this["cloudresourcemanager.googleapis.com"]
  to   = google_project_service.first["cloudresourcemanager.googleapis.com"]
}

moved {
  from = google_project_service.this["serviceusage.googleapis.com"]
  to   = google_project_service.first["serviceusage.googleapis.com"]
}

# Never switched off: other things in the customer's project may use them by the time of a destroy.
resource "google_project_service" "this" {
  for_each = local.services

  service                    = each.key
  disable_on_destroy         = false
  disable_dependent_services = false

  depends_on = [google_project_service.first]
}
