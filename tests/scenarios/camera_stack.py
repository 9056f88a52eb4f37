"""A stand-in for the template `anava` that needs no provider: its outputs, and who asks for tokens.

What a test wants of it is said by variables that the real one declares, too.
"""

import sys
from pathlib import Path

__all__ = ["DATABASE_URL", "KEY", "WEB_KEY", "anava_template"]

KEY = "gateway-key-planted-4711"
WEB_KEY = "web-key-planted-0815"
DATABASE_URL = "https://demo-proj-default-rtdb.firebaseio.com"

_HCL = """
variable "project_id" { type = string }
variable "region" { type = string }
variable "prefix" { type = string }
variable "storage_location" { type = string }
variable "firestore_database_id" {
  type    = string
  default = "anava"
}
variable "firestore_location" {
  type    = string
  default = "nam5"
}
variable "firebase_web_app_name" {
  type    = string
  default = "Anava Device Manager"
}
variable "destroy_customer_data" {
  type    = bool
  default = false
}

locals {
  # "wait-20" asks for tokens for 20 s.
  seconds = try(tonumber(split("-", var.firestore_database_id)[1]), 0)
  app     = var.firebase_web_app_name == "No app" ? "" : "1:1234567890:web:abc"
}

resource "terraform_data" "firebase" {
  input = { bucket = "${var.project_id}-${var.prefix}", app = local.app }
}

resource "terraform_data" "gateway" {
  input = { url = "https://${terraform_data.firebase.output.bucket}.gateway.example" }

  provisioner "local-exec" {
    command     = "exec \\"$ASK_PYTHON\\" ask.py"
    environment = {
      ASK_PYTHON  = "PYTHON"
      ASK_SECONDS = tostring(local.seconds)
      ASK_FAIL    = var.firestore_location == "eur3" ? "1" : ""
    }
  }
}

output "api_gateway_url" { value = terraform_data.gateway.output.url }
output "api_key" {
  value     = "${terraform_data.gateway.output.url == "" ? "" : "KEY"}"
  sensitive = true
}
output "firebase_config" {
  sensitive = true
  value = {
    projectId         = var.project_id
    apiKey            = "WEB_OF"
    authDomain        = "${var.project_id}.firebaseapp.com"
    storageBucket     = terraform_data.firebase.output.bucket
    appId             = terraform_data.firebase.output.app
    messagingSenderId = "1234567890"
    databaseURL       = "DATABASE_URL"
  }
}
output "firebase_web_app_id" { value = terraform_data.firebase.output.app }
output "firebase_storage_bucket" { value = terraform_data.firebase.output.bucket }
"""

# As Google's library does it: a new token when the last one is about to end, five tries each.
_ASK = """
import hashlib, json, os, sys, time, urllib.error, urllib.request
if os.environ["ASK_FAIL"]:
    sys.exit("the gateway cannot be made, as the location asks")
root = "http://" + os.environ.get("GCE_METADATA_HOST", "nobody.invalid") + "/computeMetadata/v1/"
api = os.environ.get("GOOGLE_RESOURCE_MANAGER_V3_CUSTOM_ENDPOINT", "") + "projects/demo-proj"
open_url = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

def ask(name):
    request = urllib.request.Request(root + name, headers={"Metadata-Flavor": "Google"})
    for left in range(5, 0, -1):
        try:
            return open_url(request, timeout=5).read().decode()
        except urllib.error.HTTPError as error:
            if error.code != 503 or left == 1:
                raise

ends, until = 0.0, time.monotonic() + float(os.environ["ASK_SECONDS"])
while time.monotonic() < until:
    if time.monotonic() > ends - 2:
        token = json.loads(ask("instance/service-accounts/default/token?scopes=x"))
        ends = time.monotonic() + token["expires_in"]
        mark = hashlib.sha256(token["access_token"].encode()).hexdigest()[:12]
        print("token", mark, "for", ask("project/project-id"), "for", token["expires_in"], "s")
        sys.stdout.flush()
    bearer = {"Authorization": "Bearer " + token["access_token"]}
    open_url(urllib.request.Request(api, headers=bearer), timeout=10).read()
    time.sleep(0.5)
"""


def anava_template(folder: Path) -> None:
    """Make `anava` below a folder of templates."""
    made = folder / "anava"
    made.mkdir(parents=True)
    values = {
        '"PYTHON"': f'"{sys.executable}"',
        '"KEY"': f'"{KEY}"',
        "WEB_OF": WEB_KEY,
        '"DATABASE_URL"': f'"{DATABASE_URL}"',
    }
    text = _HCL
    for name, value in values.items():
        text = text.replace(name, value)
    (made / "main.tf").write_text(text)
    (made / "ask.py").write_text(_ASK)
