"""A stateful stand-in for Google's APIs: with faults by rule."""
