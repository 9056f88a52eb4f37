"""The functions of the Anava stack, run as Google runs them."""
