# Rulesets do nothing until a release puts them in force. A ruleset cannot be changed, so a new one is
# made first; for the moment in which its release is made anew nothing at all is allowed.
resource "google_firebaserules_ruleset" "firestore" {
  source {
    files {
      name    = "firestore.rules"
      content = file("${path.module}/rules/firestore.rules")
    }
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [google_firebase_project.this]
}

resource "google_firebaserules_release" "firestore" {
  name         = var.firestore_database_id == "(default)" ? "cloud.firestore" : "cloud.firestore/${google_firestore_database.this.name}"
  ruleset_name = google_firebaserules_ruleset.firestore.name
}

resource "google_firebaserules_ruleset" "storage" {
  source {
    files {
      name    = "storage.rules"
      content = file("${path.module}/rules/storage.rules")
    }
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [google_firebase_project.this]
}

resource "google_firebaserules_release" "storage" {
  name         = "firebase.storage/${google_firebase_storage_bucket.this.bucket_id}"
  ruleset_name = google_firebaserules_ruleset.storage.name
}
