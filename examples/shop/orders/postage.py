"""What it costs to send a parcel. One country is missing, and the checkout does not know it yet."""

from decimal import Decimal

POSTAGE = {
    "CH": Decimal("9.50"),
    "DE": Decimal("4.20"),
    "FI": Decimal("7.80"),
    "GB": Decimal("6.10"),
    "NL": Decimal("4.90"),
    "US": Decimal("12.00"),
}


class PostageRateMissingError(Exception):
    """We have no rate for this country."""


def postage_to(country):
    try:
        return POSTAGE[country]
    except KeyError as error:
        raise PostageRateMissingError(f"no postage rate for country {country!r}") from error
