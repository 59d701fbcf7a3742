"""What the pipeline needs of the outside, at the height of its own words."""
