# What the benchmarks deploy in the sandbox's place: exactly `resources` resources in one layer, each
# for so many seconds, and lines at an even pace, which the sandbox's ten slices do not give.

terraform {
  required_version = ">= 1.9"
}

variable "project_id" {
  type = string
}

variable "region" {
  type = string
}

variable "prefix" {
  type = string
}

variable "storage_location" {
  type = string
}

variable "resources" {
  type    = number
  default = 1
}

variable "resource_seconds" {
  type    = number
  default = 0
}

# Of each resource: spread over its seconds, or as fast as they go when it has none.
variable "lines" {
  type    = number
  default = 0
}

locals {
  burst = "BEGIN { for (n = 1; n <= ENVIRON[\"BENCH_LINES\"]; n++) print \"line \" n \" of \" ENVIRON[\"BENCH_LINES\"] \": Still creating, as a provider says it\" }"

  # On an absolute schedule, so that a late line does not make the next ones late.
  pace = <<-PYTHON
    import os, time
    lines, seconds = int(os.environ["BENCH_LINES"]), float(os.environ["BENCH_SECONDS"])
    begin = time.monotonic()
    for line in range(1, lines + 1):
        time.sleep(max(0.0, begin + line * seconds / lines - time.monotonic()))
        os.write(1, b"line %d of %d: Still creating, as a provider says it\n" % (line, lines))
  PYTHON

  # Paced lines wait until the viewers are there: for the file `go` beside the working directory.
  command = <<-SHELL
    if [ "$BENCH_LINES" = 0 ]; then exec sleep "$BENCH_SECONDS"; fi
    if [ "$BENCH_SECONDS" = 0 ]; then exec awk "$BENCH_BURST"; fi
    until [ -e ../go ]; do sleep 0.05; done
    exec python3 -I -S -c "$BENCH_PACE"
  SHELL
}

resource "terraform_data" "one" {
  count = var.resources
  input = "${var.prefix}-${count.index}"

  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-c"]
    command     = local.command
    environment = {
      LC_ALL        = "C"
      BENCH_LINES   = tostring(var.lines)
      BENCH_SECONDS = tostring(var.resource_seconds)
      BENCH_BURST   = local.burst
      BENCH_PACE    = local.pace
    }
  }
}
