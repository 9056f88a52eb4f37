output "api_gateway_url" {
  description = "Where the cameras would call; .invalid never resolves (RFC 2606)."
  value       = "https://${terraform_data.edge["edge-1"].output.name}.${var.region}.sandbox.invalid"
}

output "api_key" {
  description = "Key of the gateway."
  value       = terraform_data.edge[local.key_holder].output.api_key
  sensitive   = true
}

output "services" {
  description = "Names of the services, in order."
  value       = [for n in local.numbers : terraform_data.services["services-${n}"].output.name]
}

output "storage_location" {
  description = "Where the buckets would lie."
  value       = var.storage_location
}

output "template_version" {
  description = "Version of the template that the stack was last applied with; empty without the service."
  value       = var.template_version
}
