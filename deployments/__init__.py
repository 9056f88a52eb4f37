"""What a deployment is: pure values, rules, errors and ports. No I/O."""
