"""What a server can be asked, by subject: each call described once, for both clients."""
