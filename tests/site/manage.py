"""Run one of Django's commands on the site."""

import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "misbehaving.settings")
execute_from_command_line(sys.argv)
