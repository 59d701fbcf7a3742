"""What there is in the cluster: topics, groups, and where groups begin."""
