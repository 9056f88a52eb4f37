locals {
  numbers = [for n in range(1, var.resources + 1) : tostring(n)]

  # Which edge holds the key: the last, so that its creation ends the apply.
  key_holder = "edge-${var.resources}"

  # The raw secret stays readable inside the key: a leak of it can be found by searching for it.
  api_key = sensitive(
    "${var.prefix}-${var.secret != "" ? var.secret : substr(sha256("${var.project_id}/${var.prefix}"), 0, 32)}"
  )

  # The work of one resource, in awk: one process prints 200,000 lines in well under a second. It
  # prints a tenth of the lines, sleeps a tenth of the time, and so on: never a sleep per line.
  work = <<-AWK
    BEGIN {
      name = ENVIRON["SANDBOX_NAME"]; lines = ENVIRON["SANDBOX_LINES"] + 0; seconds = ENVIRON["SANDBOX_SECONDS"] + 0
      slices = lines > 10 ? 10 : (lines > 0 ? lines : 1)
      for (slice = 1; slice <= slices; slice++) {
        upto = int(lines * slice / slices)
        while (line < upto) { line++; print name ": line " line " of " lines }
        fflush()
        if (seconds > 0) system("exec sleep " sprintf("%.3f", seconds / slices))
      }
      if (ENVIRON["SANDBOX_FAIL"] == name) {
        print name ": cannot be created, as the variable fail asks" > "/dev/stderr"
        exit 3
      }
    }
  AWK

  # Everything reaches the shell through its environment: whatever a customer writes into a
  # variable is data there, never program text. `exec`, because terraform kills only its direct child.
  command = "exec awk \"$SANDBOX_WORK\""

  knobs = {
    LC_ALL          = "C" # a point is a decimal point, everywhere
    SANDBOX_LINES   = tostring(var.lines)
    SANDBOX_SECONDS = tostring(var.resource_seconds)
    SANDBOX_FAIL    = var.fail
    SANDBOX_WORK    = local.work
  }
}

# What everything else stands on: project services, identities, buckets.
resource "terraform_data" "foundation" {
  for_each = { for n in local.numbers : "foundation-${n}" => n }

  input = {
    name     = "${var.prefix}-${each.key}"
    project  = var.project_id
    location = var.storage_location
  }

  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-c"]
    command     = local.command
    environment = merge(local.knobs, { SANDBOX_NAME = each.key })
  }
}

# What runs: each service uses its own foundation.
resource "terraform_data" "services" {
  for_each = { for n in local.numbers : "services-${n}" => n }

  input = {
    name       = "${var.prefix}-${each.key}"
    region     = var.region
    foundation = terraform_data.foundation["foundation-${each.value}"].output.name
  }

  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-c"]
    command     = local.command
    environment = merge(local.knobs, { SANDBOX_NAME = each.key })
  }
}

# What the world sees: each edge leads to its own service. One of them holds the key, and only that
# one attribute of that one resource is sensitive.
resource "terraform_data" "edge" {
  for_each = { for n in local.numbers : "edge-${n}" => n }

  input = merge(
    {
      name    = "${var.prefix}-${each.key}"
      service = terraform_data.services["services-${each.value}"].output.name
    },
    # A filter, not a conditional: a conditional would mark the attribute of every edge as sensitive.
    { for name, key in { api_key = local.api_key } : name => key if each.key == local.key_holder },
  )

  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-c"]
    command     = local.command
    environment = merge(local.knobs, { SANDBOX_NAME = each.key })
  }
}
