# No credential here: the runner's metadata endpoint hands out short-lived tokens.
provider "google" {
  project = var.project_id
  region  = var.region

  # Calls with a customer's own credential count against the customer's project. Firebase, API keys
  # and Identity Platform refuse a user's credential without it.
  user_project_override = true
  billing_project       = var.project_id

  # An imported resource must not differ by a label that only names who imported the resource.
  add_terraform_attribution_label = false

  default_labels = {
    app          = "anava"
    anava-prefix = var.prefix
  }
}

# Only for the APIs without which no call may count against the customer's project.
provider "google" {
  alias   = "first"
  project = var.project_id
  region  = var.region

  user_project_override           = false
  add_terraform_attribution_label = false
}
