# Each validation of each variable, with values that it refuses.
variables {
  project_id = "demo-project"
}

run "a_project_id_of_5_is_refused" {
  command = plan

  variables {
    project_id = "aaaaa"
  }

  expect_failures = [var.project_id]
}

run "a_project_id_of_31_is_refused" {
  command = plan

  variables {
    project_id = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  }

  expect_failures = [var.project_id]
}

run "an_empty_project_id_is_refused" {
  command = plan

  variables {
    project_id = ""
  }

  expect_failures = [var.project_id]
}

run "a_project_id_with_a_capital_is_refused" {
  command = plan

  variables {
    project_id = "Demo-project"
  }

  expect_failures = [var.project_id]
}

run "a_project_id_with_a_hyphen_at_its_end_is_refused" {
  command = plan

  variables {
    project_id = "demo-project-"
  }

  expect_failures = [var.project_id]
}

run "a_project_id_that_begins_with_a_digit_is_refused" {
  command = plan

  variables {
    project_id = "1demo-project"
  }

  expect_failures = [var.project_id]
}

run "a_project_id_with_a_line_break_is_refused" {
  command = plan

  variables {
    project_id = "demo-project\n"
  }

  expect_failures = [var.project_id]
}

run "a_project_id_with_a_path_is_refused" {
  command = plan

  variables {
    project_id = "demo/../other"
  }

  expect_failures = [var.project_id]
}

run "a_project_id_with_an_expression_is_refused" {
  command = plan

  variables {
    project_id = "demo-$${var.x}"
  }

  expect_failures = [var.project_id]
}

run "a_project_id_with_a_foreign_letter_is_refused" {
  command = plan

  variables {
    project_id = "dém0-project"
  }

  expect_failures = [var.project_id]
}

run "an_empty_region_is_refused" {
  command = plan

  variables {
    region = ""
  }

  expect_failures = [var.region]
}

run "a_zone_is_refused" {
  command = plan

  variables {
    region = "us-central1-a"
  }

  expect_failures = [var.region]
}

run "a_multi_region_is_refused" {
  command = plan

  variables {
    region = "US"
  }

  expect_failures = [var.region]
}

run "a_region_with_a_host_is_refused" {
  command = plan

  variables {
    region = "us-central1.evil.example"
  }

  expect_failures = [var.region]
}

run "a_region_with_a_line_break_is_refused" {
  command = plan

  variables {
    region = "us-central1\n"
  }

  expect_failures = [var.region]
}

run "a_region_with_three_digits_is_refused" {
  command = plan

  variables {
    region = "us-central100"
  }

  expect_failures = [var.region]
}

run "an_empty_prefix_is_refused" {
  command = plan

  variables {
    prefix = ""
  }

  expect_failures = [var.prefix]
}

run "a_prefix_of_16_is_refused" {
  command = plan

  variables {
    prefix = "aaaaaaaaaaaaaaaa"
  }

  expect_failures = [var.prefix]
}

run "a_prefix_with_a_hyphen_at_its_end_is_refused" {
  command = plan

  variables {
    prefix = "anava-"
  }

  expect_failures = [var.prefix]
}

run "a_prefix_that_begins_with_a_digit_is_refused" {
  command = plan

  variables {
    prefix = "1anava"
  }

  expect_failures = [var.prefix]
}

run "a_prefix_with_a_capital_is_refused" {
  command = plan

  variables {
    prefix = "Anava"
  }

  expect_failures = [var.prefix]
}

run "a_prefix_with_an_underscore_is_refused" {
  command = plan

  variables {
    prefix = "my_prefix"
  }

  expect_failures = [var.prefix]
}

run "a_prefix_with_a_line_break_is_refused" {
  command = plan

  variables {
    prefix = "anava\n"
  }

  expect_failures = [var.prefix]
}

run "a_prefix_with_a_command_is_refused" {
  command = plan

  variables {
    prefix = "a;reboot"
  }

  expect_failures = [var.prefix]
}

run "a_prefix_that_is_google_is_refused" {
  command = plan

  variables {
    prefix = "google"
  }

  expect_failures = [var.prefix]
}

run "a_prefix_that_contains_google_is_refused" {
  command = plan

  variables {
    prefix = "my-google-cam"
  }

  expect_failures = [var.prefix]
}

run "an_empty_storage_location_is_refused" {
  command = plan

  variables {
    storage_location = ""
  }

  expect_failures = [var.storage_location]
}

run "a_storage_location_in_mixed_case_is_refused" {
  command = plan

  variables {
    storage_location = "Us-Central1"
  }

  expect_failures = [var.storage_location]
}

run "an_unknown_dual_region_is_refused" {
  command = plan

  variables {
    storage_location = "EUR9"
  }

  expect_failures = [var.storage_location]
}

run "a_storage_location_with_a_line_break_is_refused" {
  command = plan

  variables {
    storage_location = "US\n"
  }

  expect_failures = [var.storage_location]
}

run "two_storage_locations_is_refused" {
  command = plan

  variables {
    storage_location = "US,EU"
  }

  expect_failures = [var.storage_location]
}

run "a_negative_time_is_refused" {
  command = plan

  variables {
    resource_seconds = -1
  }

  expect_failures = [var.resource_seconds]
}

run "more_than_an_hour_is_refused" {
  command = plan

  variables {
    resource_seconds = 3600.5
  }

  expect_failures = [var.resource_seconds]
}

run "negative_lines_is_refused" {
  command = plan

  variables {
    lines = -1
  }

  expect_failures = [var.lines]
}

run "half_a_line_is_refused" {
  command = plan

  variables {
    lines = 1.5
  }

  expect_failures = [var.lines]
}

run "more_than_a_million_lines_is_refused" {
  command = plan

  variables {
    lines = 1000001
  }

  expect_failures = [var.lines]
}

run "no_resources_is_refused" {
  command = plan

  variables {
    resources = 0
  }

  expect_failures = [var.resources]
}

run "half_a_resource_is_refused" {
  command = plan

  variables {
    resources = 1.5
  }

  expect_failures = [var.resources]
}

run "more_than_a_thousand_resources_is_refused" {
  command = plan

  variables {
    resources = 1001
  }

  expect_failures = [var.resources]
}

run "negative_resources_is_refused" {
  command = plan

  variables {
    resources = -1
  }

  expect_failures = [var.resources]
}

run "a_resource_that_does_not_exist_is_refused" {
  command = plan

  variables {
    fail = "services-5"
  }

  expect_failures = [var.fail]
}

run "an_unknown_layer_is_refused" {
  command = plan

  variables {
    fail = "network-1"
  }

  expect_failures = [var.fail]
}

run "resource_0_is_refused" {
  command = plan

  variables {
    fail = "edge-0"
  }

  expect_failures = [var.fail]
}

run "a_resource_with_a_command_is_refused" {
  command = plan

  variables {
    fail = "edge-1;reboot"
  }

  expect_failures = [var.fail]
}

run "a_resource_with_a_line_break_is_refused" {
  command = plan

  variables {
    fail = "edge-1\n"
  }

  expect_failures = [var.fail]
}

run "lines_of_a_layer_beyond_a_million_are_refused" {
  command = plan

  variables {
    lines     = 200000
    resources = 6
  }

  expect_failures = [var.lines]
}

run "the_largest_values_are_accepted" {
  command = plan

  variables {
    project_id       = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    prefix           = "aaaaaaaaaaaaaaa"
    region           = "europe-west12"
    storage_location = "EUR4"
    lines            = 1000000
    resources        = 1
    resource_seconds = 3600
    fail             = "edge-1"
  }

  assert {
    condition     = terraform_data.services["services-1"].input.name == "${var.prefix}-services-1"
    error_message = "The name begins with the prefix."
  }
}

run "a_template_version_of_65_digits_is_refused" {
  command = plan

  variables {
    template_version = "00000000000000000000000000000000000000000000000000000000000000000"
  }

  expect_failures = [var.template_version]
}

run "a_template_version_of_a_letter_beyond_f_is_refused" {
  command = plan

  variables {
    template_version = "g"
  }

  expect_failures = [var.template_version]
}

run "a_template_version_of_a_line_break_is_refused" {
  command = plan

  variables {
    template_version = "0\n"
  }

  expect_failures = [var.template_version]
}

run "a_template_version_of_an_expression_is_refused" {
  command = plan

  variables {
    template_version = "$${var.region}"
  }

  expect_failures = [var.template_version]
}
