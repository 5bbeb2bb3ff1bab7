"""What joins the loop to its surroundings: a sandbox, a router, a cluster."""
