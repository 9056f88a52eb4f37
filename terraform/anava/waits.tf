# Google answers that an API is on and that a role is granted before every service of Google knows it:
# a first deployment without these waits is refused now and then, and tried again as a whole.
# https://cloud.google.com/iam/docs/access-change-propagation
locals {
  waits = {
    apis        = "the APIs that were enabled take effect at Google"
    gateway_api = "the API of the gateway becomes known to Google"
    roles       = "the roles that were granted take effect at Google"
  }
  wait_commands = { for name, text in local.waits : name => "echo 'Waiting ${var.propagation_seconds} s: ${text}.'; exec sleep ${var.propagation_seconds}" }
}

resource "terraform_data" "apis" {
  # The id of a service that is enabled in this apply is not known in its plan: another wait.
  triggers_replace = [
    for service in concat(values(google_project_service.first), values(google_project_service.this)) : service.id
  ]

  provisioner "local-exec" {
    command = local.wait_commands.apis
  }
}

# The API is a service of Google's Service Management, which is not known everywhere at once; meanwhile
# the gateway is created. deployments/google_causes.py has the source of the refusal.
resource "terraform_data" "gateway_api" {
  triggers_replace = google_api_gateway_api.this.managed_service

  provisioner "local-exec" {
    command = local.wait_commands.gateway_api
  }

  depends_on = [google_api_gateway_api_config.this]
}

resource "terraform_data" "roles" {
  # Like the services: also a role that was taken away and is granted again.
  triggers_replace = [for grant in google_project_iam_member.this : grant.id]

  provisioner "local-exec" {
    command = local.wait_commands.roles
  }
}
