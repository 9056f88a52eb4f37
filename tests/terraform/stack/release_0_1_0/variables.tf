# What a customer gives. The rules are Google's; deployments/requests.py and deployments/templates.py
# hold the same ones, so that a bad value is refused before anything runs.

variable "project_id" {
  description = "Google Cloud project id."
  type        = string
  nullable    = false

  validation {
    # https://cloud.google.com/resource-manager/docs/creating-managing-projects
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "A project id has 6 to 30 lowercase letters, digits and hyphens, starts with a letter and does not end with a hyphen."
  }
}

variable "region" {
  description = "Google Cloud region of the functions. The gateway stands there, too, where API Gateway is offered."
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.region))
    error_message = "A region looks like us-central1 or europe-west12."
  }
}

variable "prefix" {
  description = "Start of the name of everything that is made."
  type        = string
  default     = "anava"
  nullable    = false

  validation {
    # A service account id has at most 30 characters; 15 of them are ours ("-device-auth-sa").
    condition     = can(regex("^[a-z]([a-z0-9-]{0,13}[a-z0-9])?$", var.prefix))
    error_message = "A prefix has 1 to 15 lowercase letters, digits and hyphens, starts with a letter and does not end with a hyphen."
  }

  validation {
    # https://cloud.google.com/storage/docs/buckets#naming
    condition     = !strcontains(var.prefix, "google")
    error_message = "A prefix must not contain \"google\": no bucket may be called so."
  }
}

variable "storage_location" {
  description = "Location of the buckets: a multi-region, dual-region or region. The first deployment decides it."
  type        = string
  default     = "US"
  nullable    = false

  validation {
    # https://cloud.google.com/storage/docs/locations
    condition     = can(regex("^(US|EU|ASIA|NAM4|EUR[4578]|ASIA1|[a-z]+-[a-z]+[0-9]{1,2})$", var.storage_location)) || can(regex("^[A-Z]+-[A-Z]+[0-9]{1,2}$", var.storage_location))
    error_message = "A storage location is US, EU, ASIA, a dual-region such as NAM4, or a region such as us-central1."
  }
}

variable "firestore_database_id" {
  description = "Id of the Firestore database; (default) is the project's first."
  type        = string
  default     = "anava"
  nullable    = false

  validation {
    # https://cloud.google.com/firestore/docs/manage-databases#database_id
    condition     = can(regex("^(\\(default\\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$", var.firestore_database_id))
    error_message = "A database id is (default) or has 4 to 63 lowercase letters, digits and hyphens, starts with a letter and does not end with a hyphen."
  }
}

variable "firestore_location" {
  description = "Location of the Firestore database: nam5, eur3 or a region. The first deployment decides it."
  type        = string
  default     = "nam5"
  nullable    = false

  validation {
    # https://cloud.google.com/firestore/docs/locations
    condition     = can(regex("^(nam5|eur3|[a-z]+-[a-z]+[0-9]{1,2})$", var.firestore_location))
    error_message = "A Firestore location is nam5, eur3 or a region such as us-east1."
  }
}

variable "firebase_web_app_name" {
  description = "What the Firebase console calls the web app."
  type        = string
  default     = "Anava Device Manager"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9 ._()-]{0,62}$", var.firebase_web_app_name))
    error_message = "A web app's name has 1 to 63 letters, digits, spaces and . _ ( ) -, and starts with a letter or a digit."
  }
}

variable "allowed_origins" {
  description = "Web origins whose pages may read the Firebase bucket; cameras are no web pages and need none."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    # A wildcard would let every page of the world in. 20 are more than a customer has dashboards.
    condition = length(var.allowed_origins) <= 20 && alltrue([
      for origin in var.allowed_origins : origin == null ? false : (
        length(origin) <= 253 && can(regex("^(https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?|http://localhost)(:[1-9][0-9]{0,4})?$", origin))
      )
    ])
    error_message = "allowed_origins has at most 20 origins such as https://console.example.com, or http://localhost with a port; no wildcard, no path."
  }
}

variable "destroy_customer_data" {
  description = "Whether a destroy takes the camera data with it: the Firestore database and the Firebase bucket. It must be applied before the destroy, which looks at what was applied."
  type        = bool
  default     = false
  nullable    = false
}

# Google keeps some deleted ids for 30 days and gives them to nobody meanwhile. The service takes them
# back where it may; where it may not, these lead around them, for the life of the stack.

variable "pool_suffix" {
  description = "End of the workload identity pool's id, where the plain one lies deleted."
  type        = string
  default     = ""
  nullable    = false

  validation {
    # A pool's id has at most 32 characters: "devices-", the prefix, a hyphen and this.
    condition     = can(regex("^[a-z0-9]{0,8}$", var.pool_suffix))
    error_message = "pool_suffix has at most 8 lowercase letters and digits."
  }
}

variable "key_suffix" {
  description = "End of the API key's id, where the plain one lies deleted."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]{0,8}$", var.key_suffix))
    error_message = "key_suffix has at most 8 lowercase letters and digits."
  }
}
