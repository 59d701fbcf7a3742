"""What looks at bytes: the table of signatures, and a probe for each family of formats."""
