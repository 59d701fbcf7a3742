"""The door of resumable uploads by tus 1.0.0: headers in, headers out."""
