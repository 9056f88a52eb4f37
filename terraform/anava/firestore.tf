# Camera data: a destroy leaves it where it is unless the customer asked otherwise.
resource "google_firestore_database" "this" {
  name        = var.firestore_database_id
  location_id = var.firestore_location
  type        = "FIRESTORE_NATIVE"

  delete_protection_state = var.destroy_customer_data ? "DELETE_PROTECTION_DISABLED" : "DELETE_PROTECTION_ENABLED"
  deletion_policy         = var.destroy_customer_data ? "DELETE" : "ABANDON"

  # A database cannot move, and an imported database stays where it is. Recovery, encryption and tags
  # of an imported database are the customer's: without this, its backups would be switched off.
  lifecycle {
    ignore_changes = [location_id, point_in_time_recovery_enablement, cmek_config, tags]
  }

  depends_on = [terraform_data.apis]
}
