# One identity for each thing that acts, none with a key, each with the least that lets it work.
locals {
  # Ids have 6 to 30 characters.
  identities = {
    device-auth = { id = "${var.prefix}-device-auth-sa", name = "Anava: signs in devices" }
    tvm         = { id = "${var.prefix}-tvm-sa", name = "Anava: vends Google Cloud tokens" }
    vertex-ai   = { id = "${var.prefix}-vertex-ai-sa", name = "Anava: what a device acts as" }
    api-gateway = { id = "${var.prefix}-api-gateway-sa", name = "Anava: the gateway calls the functions as it" }
    build       = { id = "${var.prefix}-build-sa", name = "Anava: builds the functions" }
  }

  # Roles that can only be given on the whole project, identity by identity.
  project_roles = merge([
    for identity, roles in {
      device-auth = ["roles/logging.logWriter"]
      tvm         = ["roles/logging.logWriter"]
      api-gateway = ["roles/logging.logWriter"]
      vertex-ai   = ["roles/aiplatform.user"]
      # What a build needs instead of the default compute account, which may do nothing in a new
      # organisation and everything in an old project: read the source, push the image, log.
      build = ["roles/logging.logWriter", "roles/artifactregistry.writer", "roles/storage.objectViewer"]
    } : { for role in roles : "${identity} ${trimprefix(role, "roles/")}" => { identity = identity, role = role } }
  ]...)
}

resource "google_service_account" "this" {
  for_each = local.identities

  account_id   = each.value.id
  display_name = each.value.name

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "this" {
  for_each = local.project_roles

  project = var.project_id
  role    = each.value.role
  member  = google_service_account.this[each.value.identity].member
}

# device-auth signs its custom tokens as itself. Firebase takes them from any account of the project,
# so no Firebase role is needed: each of those could also read and change users.
# tvm has it on itself and nowhere else: a token for vertex-ai comes from the device's own identity.
resource "google_service_account_iam_member" "signs_as_itself" {
  for_each = toset(["device-auth", "tvm"])

  service_account_id = google_service_account.this[each.key].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = google_service_account.this[each.key].member
}

# A device's data: this one database, not every database of the project.
resource "google_project_iam_member" "firestore" {
  project = var.project_id
  role    = "roles/datastore.user"
  member  = google_service_account.this["vertex-ai"].member

  condition {
    title      = "own database"
    expression = "resource.name == \"projects/${var.project_id}/databases/${var.firestore_database_id}\""
  }
}

# A device's files: read in this one bucket; writing goes through Firebase and its rules.
resource "google_storage_bucket_iam_member" "reads_firebase_bucket" {
  bucket = google_storage_bucket.firebase.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.this["vertex-ai"].member
}

# Only the gateway may call the functions. A second-generation function is a Cloud Run service, and
# it is the service that asks for this role.
resource "google_cloud_run_service_iam_member" "gateway_invokes" {
  for_each = google_cloudfunctions2_function.this

  location = each.value.location
  service  = each.value.name
  role     = "roles/run.invoker"
  member   = google_service_account.this["api-gateway"].member
}
