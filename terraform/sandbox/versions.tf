terraform {
  # 1.9: a variable's validation may look at other variables. The service writes the
  # backend into backend.tf.json of the run directory, so there is none here.
  required_version = ">= 1.9"
}
