"""One message or request in, messages out; pure use of ports."""
