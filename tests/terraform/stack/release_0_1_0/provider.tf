# No credential here: the runner's metadata endpoint hands out short-lived tokens.
provider "google" {
  project = var.project_id
  region  = var.region

  # Calls with a customer's own credential count against the customer's project. Firebase, API keys
  # and Identity Platform refuse a user's credential without it.
  user_project_override = true
  billing_project       = var.project_id

  # An adopted resource must not differ by a label that only says who adopted it.
  add_terraform_attribution_label = false

  default_labels = {
    app          = "anava"
    anava-prefix = var.prefix
  }
}
