"""Drive real traffic at the shop under a real server, then show what aura-logging wrote about it."""
