terraform {
  # 1.11: write-only arguments, so that no secret's text lies in plan or state. The service writes the
  # backend into backend.tf.json of the run directory, so there is none here.
  required_version = ">= 1.11"

  required_providers {
    # One provider for everything: Firebase's project, web app and bucket and all of API Gateway are
    # only in google-beta, which otherwise holds what google holds. Exactly the release that the stack
    # is proven with: there is no lock file that would say so.
    google = {
      source  = "hashicorp/google-beta"
      version = "7.45.0"
    }
  }
}
