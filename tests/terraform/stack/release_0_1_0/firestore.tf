# Camera data: a destroy leaves it where it is unless the customer asked otherwise.
resource "google_firestore_database" "this" {
  name        = var.firestore_database_id
  location_id = var.firestore_location
  type        = "FIRESTORE_NATIVE"

  delete_protection_state = var.destroy_customer_data ? "DELETE_PROTECTION_DISABLED" : "DELETE_PROTECTION_ENABLED"
  deletion_policy         = var.destroy_customer_data ? "DELETE" : "ABANDON"

  # A database cannot move, and an adopted one stays where it is.
  lifecycle {
    ignore_changes = [location_id]
  }

  depends_on = [google_project_service.this]
}
