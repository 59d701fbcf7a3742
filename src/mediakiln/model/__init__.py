"""The words of the pipeline: assets, recipes, products, messages, errors. No input or output."""
