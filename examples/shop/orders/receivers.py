"""Write down what Django tells about accounts."""

import logging

from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.dispatch import receiver

log = logging.getLogger("shop.accounts")


@receiver(user_logged_in)
def note_login(sender, request, user, **kwargs):
    log.info("customer logged in", extra={"username": user.get_username()})


@receiver(user_login_failed)
def note_failed_login(sender, credentials, **kwargs):
    log.warning("login failed", extra={"username": credentials.get("username", "")})
