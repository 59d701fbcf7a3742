"""What stands between the door and the routes: rates of requests, quotas, repeated requests."""
