# Each validation of each variable, with values that it refuses.
# No call leaves the machine: the provider gives only its schema.
mock_provider "google" {}

mock_provider "google" {
  alias = "first"
}

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

run "a_database_id_of_3_is_refused" {
  command = plan

  variables {
    firestore_database_id = "abc"
  }

  expect_failures = [var.firestore_database_id]
}

run "a_database_id_of_64_is_refused" {
  command = plan

  variables {
    firestore_database_id = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  }

  expect_failures = [var.firestore_database_id]
}

run "a_database_id_without_its_brackets_is_refused" {
  command = plan

  variables {
    firestore_database_id = "default)"
  }

  expect_failures = [var.firestore_database_id]
}

run "a_database_id_with_a_path_is_refused" {
  command = plan

  variables {
    firestore_database_id = "data/base"
  }

  expect_failures = [var.firestore_database_id]
}

run "a_database_id_with_a_capital_is_refused" {
  command = plan

  variables {
    firestore_database_id = "Anava"
  }

  expect_failures = [var.firestore_database_id]
}

run "a_database_id_with_a_hyphen_at_its_end_is_refused" {
  command = plan

  variables {
    firestore_database_id = "anava-"
  }

  expect_failures = [var.firestore_database_id]
}

run "a_database_id_with_a_line_break_is_refused" {
  command = plan

  variables {
    firestore_database_id = "(default)\n"
  }

  expect_failures = [var.firestore_database_id]
}

run "an_empty_firestore_location_is_refused" {
  command = plan

  variables {
    firestore_location = ""
  }

  expect_failures = [var.firestore_location]
}

run "an_unknown_multi_region_is_refused" {
  command = plan

  variables {
    firestore_location = "nam7"
  }

  expect_failures = [var.firestore_location]
}

run "a_multi_region_of_storage_is_refused" {
  command = plan

  variables {
    firestore_location = "US"
  }

  expect_failures = [var.firestore_location]
}

run "a_firestore_location_with_a_line_break_is_refused" {
  command = plan

  variables {
    firestore_location = "nam5\n"
  }

  expect_failures = [var.firestore_location]
}

run "an_empty_name_of_the_web_app_is_refused" {
  command = plan

  variables {
    firebase_web_app_name = ""
  }

  expect_failures = [var.firebase_web_app_name]
}

run "a_name_of_64_is_refused" {
  command = plan

  variables {
    firebase_web_app_name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  }

  expect_failures = [var.firebase_web_app_name]
}

run "a_name_that_begins_with_a_space_is_refused" {
  command = plan

  variables {
    firebase_web_app_name = " Anava"
  }

  expect_failures = [var.firebase_web_app_name]
}

run "a_name_with_a_tag_is_refused" {
  command = plan

  variables {
    firebase_web_app_name = "<script>"
  }

  expect_failures = [var.firebase_web_app_name]
}

run "a_name_with_a_line_break_is_refused" {
  command = plan

  variables {
    firebase_web_app_name = "Anava\n"
  }

  expect_failures = [var.firebase_web_app_name]
}

run "a_wildcard_origin_is_refused" {
  command = plan

  variables {
    allowed_origins = ["*"]
  }

  expect_failures = [var.allowed_origins]
}

run "an_origin_without_tls_is_refused" {
  command = plan

  variables {
    allowed_origins = ["http://example.com"]
  }

  expect_failures = [var.allowed_origins]
}

run "an_origin_with_a_path_is_refused" {
  command = plan

  variables {
    allowed_origins = ["https://example.com/x"]
  }

  expect_failures = [var.allowed_origins]
}

run "an_origin_with_a_wildcard_host_is_refused" {
  command = plan

  variables {
    allowed_origins = ["https://*.example.com"]
  }

  expect_failures = [var.allowed_origins]
}

run "an_origin_with_a_user_is_refused" {
  command = plan

  variables {
    allowed_origins = ["https://user@example.com"]
  }

  expect_failures = [var.allowed_origins]
}

run "an_origin_with_port_0_is_refused" {
  command = plan

  variables {
    allowed_origins = ["https://example.com:0"]
  }

  expect_failures = [var.allowed_origins]
}

run "twenty_one_origins_is_refused" {
  command = plan

  variables {
    allowed_origins = ["https://example.com", "https://example.com", "https://example.com", "https://example.com", "https://example.com", "https://example.com", "https://example.com", "https://example.com", "https://example.com", "https://example.com", "https://example.com", "https://example.com", "https://example.com", "https://example.com", "https://example.com", "https://example.com", "https://example.com", "https://example.com", "https://example.com", "https://example.com", "https://example.com"]
  }

  expect_failures = [var.allowed_origins]
}

run "an_origin_of_254_is_refused" {
  command = plan

  variables {
    allowed_origins = ["https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
  }

  expect_failures = [var.allowed_origins]
}

run "an_origin_that_is_null_is_refused" {
  command = plan

  variables {
    allowed_origins = [null]
  }

  expect_failures = [var.allowed_origins]
}

run "a_good_and_a_bad_origin_is_refused" {
  command = plan

  variables {
    allowed_origins = ["https://example.com", "null"]
  }

  expect_failures = [var.allowed_origins]
}

run "a_negative_pause_is_refused" {
  command = plan

  variables {
    propagation_seconds = -1
  }

  expect_failures = [var.propagation_seconds]
}

run "a_pause_of_601_is_refused" {
  command = plan

  variables {
    propagation_seconds = 601
  }

  expect_failures = [var.propagation_seconds]
}

run "half_a_second_of_a_pause_is_refused" {
  command = plan

  variables {
    propagation_seconds = 1.5
  }

  expect_failures = [var.propagation_seconds]
}

run "an_endless_pause_is_refused" {
  command = plan

  variables {
    propagation_seconds = 1e300
  }

  expect_failures = [var.propagation_seconds]
}

run "a_pool_suffix_of_9_is_refused" {
  command = plan

  variables {
    pool_suffix = "aaaaaaaaa"
  }

  expect_failures = [var.pool_suffix]
}

run "a_pool_suffix_with_a_hyphen_is_refused" {
  command = plan

  variables {
    pool_suffix = "a-b"
  }

  expect_failures = [var.pool_suffix]
}

run "a_pool_suffix_with_a_capital_is_refused" {
  command = plan

  variables {
    pool_suffix = "A"
  }

  expect_failures = [var.pool_suffix]
}

run "a_pool_suffix_with_a_line_break_is_refused" {
  command = plan

  variables {
    pool_suffix = "a\n"
  }

  expect_failures = [var.pool_suffix]
}

run "a_key_suffix_of_9_is_refused" {
  command = plan

  variables {
    key_suffix = "aaaaaaaaa"
  }

  expect_failures = [var.key_suffix]
}

run "a_key_suffix_with_a_hyphen_is_refused" {
  command = plan

  variables {
    key_suffix = "a-b"
  }

  expect_failures = [var.key_suffix]
}

run "a_key_suffix_with_a_capital_is_refused" {
  command = plan

  variables {
    key_suffix = "A"
  }

  expect_failures = [var.key_suffix]
}

run "a_key_suffix_with_a_line_break_is_refused" {
  command = plan

  variables {
    key_suffix = "a\n"
  }

  expect_failures = [var.key_suffix]
}

run "a_role_suffix_of_9_is_refused" {
  command = plan

  variables {
    role_suffix = "aaaaaaaaa"
  }

  expect_failures = [var.role_suffix]
}

run "a_role_suffix_with_a_hyphen_is_refused" {
  command = plan

  variables {
    role_suffix = "a-b"
  }

  expect_failures = [var.role_suffix]
}

run "a_role_suffix_with_a_capital_is_refused" {
  command = plan

  variables {
    role_suffix = "A"
  }

  expect_failures = [var.role_suffix]
}

run "a_role_suffix_with_a_line_break_is_refused" {
  command = plan

  variables {
    role_suffix = "a\n"
  }

  expect_failures = [var.role_suffix]
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
