"""A site with the admin and the dashboard, and nothing else."""
