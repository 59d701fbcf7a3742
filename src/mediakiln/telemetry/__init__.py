"""Every metric, span and log field, named once."""
