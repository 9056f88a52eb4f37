# A destroy forgets the project's link to Firebase: Google has no way back from it.
resource "google_firebase_project" "this" {
  depends_on = [google_project_service.this]
}

# Firebase makes the app's key, restricted to Firebase's own APIs.
resource "google_firebase_web_app" "this" {
  display_name    = var.firebase_web_app_name
  deletion_policy = "DELETE" # cannot hold data; a kept one would be doubled by the next deployment

  depends_on = [google_firebase_project.this]
}

data "google_firebase_web_app_config" "this" {
  web_app_id = google_firebase_web_app.this.app_id
}

# Custom tokens are taken once Authentication is on; every way in for people is off. A destroy leaves
# it: Google has no way to switch it off.
resource "google_identity_platform_config" "this" {
  autodelete_anonymous_users = true

  sign_in {
    allow_duplicate_emails = false

    anonymous {
      enabled = false
    }

    email {
      enabled           = false
      password_required = true
    }

    phone_number {
      enabled = false
    }
  }

  depends_on = [google_firebase_project.this]
}

locals {
  firebase_config = {
    projectId         = var.project_id
    apiKey            = data.google_firebase_web_app_config.this.api_key
    authDomain        = data.google_firebase_web_app_config.this.auth_domain
    storageBucket     = google_firebase_storage_bucket.this.bucket_id
    appId             = google_firebase_web_app.this.app_id
    messagingSenderId = data.google_firebase_web_app_config.this.messaging_sender_id
    # Cameras in the field want the key, though nothing of ours uses a Realtime Database. Without one
    # Firebase says nothing, and this is the address it would get in Firebase's first region.
    databaseURL = coalesce(
      data.google_firebase_web_app_config.this.database_url,
      "https://${var.project_id}-default-rtdb.firebaseio.com",
    )
  }
}
