"""The pages that the hub shows to people: the landing page and, in the demo, the explorer."""
