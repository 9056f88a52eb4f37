# What a customer gives. The rules are Google's, so that a name the sandbox takes is a
# name the real template takes.

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
  description = "Google Cloud region."
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
    # A service account id has at most 30 characters; 15 of them are ours ("-device-auth-fn").
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
  description = "Location of the buckets: a multi-region, dual-region or region."
  type        = string
  default     = "US"
  nullable    = false

  validation {
    # https://cloud.google.com/storage/docs/locations
    condition     = can(regex("^(US|EU|ASIA|NAM4|EUR[4578]|ASIA1|[a-z]+-[a-z]+[0-9]{1,2})$", var.storage_location)) || can(regex("^[A-Z]+-[A-Z]+[0-9]{1,2}$", var.storage_location))
    error_message = "A storage location is US, EU, ASIA, a dual-region such as NAM4, or a region such as us-central1."
  }
}

# Knobs: how the sandbox behaves. None of them but `resources` is part of a resource, so
# turning them makes no change to what is deployed already.

variable "resource_seconds" {
  description = "How long each create takes, in seconds; fractions allowed."
  type        = number
  default     = 1
  nullable    = false

  validation {
    # An hour: longer than the longest apply the service lets run.
    condition     = var.resource_seconds >= 0 && var.resource_seconds <= 3600
    error_message = "resource_seconds lies between 0 and 3600."
  }
}

variable "lines" {
  description = "How many lines each resource prints while it is created."
  type        = number
  default     = 3
  nullable    = false

  validation {
    # A million lines are the largest log the service promises to carry.
    condition     = var.lines >= 0 && var.lines <= 1000000 && floor(var.lines) == var.lines
    error_message = "lines is a whole number between 0 and 1000000."
  }

  validation {
    # The log of a layer; the three layers print 0.8 GB at most.
    condition     = var.lines * var.resources <= 1000000
    error_message = "lines times resources is 1000000 at most."
  }
}

variable "resources" {
  description = "How many resources each of the three layers has."
  type        = number
  default     = 4
  nullable    = false

  validation {
    # 1,000 in all take terraform itself some 10 to 20 s, which is as much as a test wants.
    condition     = var.resources >= 1 && var.resources <= 1000 && floor(var.resources) == var.resources
    error_message = "resources is a whole number between 1 and 1000."
  }
}

variable "fail" {
  description = "Name of the one resource whose create fails, for instance services-2; empty for none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition = var.fail == "" || (
      can(regex("^(foundation|services|edge)-[1-9][0-9]{0,3}$", var.fail)) &&
      try(tonumber(split("-", var.fail)[1]) <= var.resources, false)
    )
    error_message = "fail names a resource that exists: foundation-N, services-N or edge-N with N from 1 to `resources`."
  }
}

variable "secret" {
  description = "Any text; becomes the api_key. Empty for one made of project and prefix."
  type        = string
  default     = ""
  sensitive   = true
  nullable    = false
}

variable "template_version" {
  description = "Version of the template: a digest of its files, which the service sets."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{0,64}$", var.template_version))
    error_message = "template_version has at most 64 hexadecimal digits."
  }
}
