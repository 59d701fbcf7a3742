"""What programs outside are told: streams of events, webhooks, and the log of both."""
