output "api_gateway_url" {
  description = "Where cameras call."
  value       = "https://${google_api_gateway_gateway.this.default_hostname}"
}

output "api_key" {
  description = "Key of the gateway, for the header x-api-key."
  value       = google_apikeys_key.gateway.key_string
  sensitive   = true
}

output "firebase_config" {
  description = "What a Firebase client needs."
  value       = local.firebase_config
  sensitive   = true
}

output "firebase_web_app_id" {
  description = "Firebase's id of the web app."
  value       = google_firebase_web_app.this.app_id
}

output "firebase_storage_bucket" {
  description = "Bucket for camera files, guarded by Firebase's rules."
  value       = google_firebase_storage_bucket.this.bucket_id
}

output "device_auth_function_url" {
  description = "Function behind /device-auth/initiate; only the gateway may call it."
  value       = google_cloudfunctions2_function.this["device-auth"].service_config[0].uri
}

output "tvm_function_url" {
  description = "Function behind /gcp-token/vend; only the gateway may call it."
  value       = google_cloudfunctions2_function.this["tvm"].service_config[0].uri
}

output "vertex_ai_service_account_email" {
  description = "What a device acts as in Google Cloud."
  value       = google_service_account.this["vertex-ai"].email
}

output "workload_identity_provider" {
  description = "Full name of the provider that takes a device's Firebase token."
  value       = google_iam_workload_identity_pool_provider.firebase.name
}

output "firebase_config_secret_name" {
  description = "Secret with firebase_config as JSON."
  value       = google_secret_manager_secret.this["firebase-config"].secret_id
}

output "firebase_api_key_secret_name" {
  description = "Secret with the key of the Firebase web app."
  value       = google_secret_manager_secret.this["firebase-api-key"].secret_id
}
