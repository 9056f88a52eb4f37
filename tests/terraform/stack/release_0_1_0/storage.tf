# Camera data: a destroy leaves it where it is unless the customer asked otherwise. The project's id in
# the name keeps it from colliding with the buckets of the world.
resource "google_storage_bucket" "firebase" {
  name     = "${var.project_id}-${var.prefix}-firebase"
  location = upper(var.storage_location) # as Google writes it back

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  deletion_policy = var.destroy_customer_data ? "DELETE" : "ABANDON"
  force_destroy   = var.destroy_customer_data

  dynamic "cors" {
    for_each = length(var.allowed_origins) == 0 ? [] : [var.allowed_origins]

    content {
      origin          = cors.value
      method          = ["GET", "HEAD"]
      response_header = ["Content-Type"]
      max_age_seconds = 3600 # how long a browser need not ask again
    }
  }

  # A bucket cannot move: another location would mean another bucket, and the data in the old one.
  lifecycle {
    ignore_changes = [location]
  }

  depends_on = [google_project_service.this]
}

# Firebase guards the bucket with its rules from here on. The link stays with a bucket that stays.
resource "google_firebase_storage_bucket" "this" {
  bucket_id       = google_storage_bucket.firebase.name
  deletion_policy = var.destroy_customer_data ? "DELETE" : "ABANDON"

  depends_on = [google_firebase_project.this]
}

# Sources of the functions: made from this template, so they go with it.
resource "google_storage_bucket" "functions" {
  name     = "${var.project_id}-${var.prefix}-functions"
  location = upper(var.storage_location)

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  deletion_policy = "DELETE"
  force_destroy   = true

  # A deleted source is made again from the template; no need to pay for keeping it.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle {
    ignore_changes = [location]
  }

  depends_on = [google_project_service.this]
}
