"""Say, in `AURA["AUDIT"]`, what of a Django project is told to the audit trail, and with what it is signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from aura_logging.audit.checkpoint import Checkpoint
from aura_logging.audit.keepers import LogKeeper
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.options import AuditOptions
from aura_logging.django.conf import declare
from aura_logging.options import OptionError, nearest

__all__ = ["DjangoAuditOptions", "ModelOptions", "model_options"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """How one model is tracked.

    `fields` are the only ones that are told, `exclude` the ones that are not; many-to-many fields are fields, too.
    `mask` are told without their values, or by what a function makes of a value. `soft_delete` names the field that
    marks a row as deleted; `"not is_active"` the other way round. `reads` tells who read which record. `bulk_values`
    adds the parameters of statements that write many rows. `label` names the attribute by which people know a row.
    `subject` names the attribute that says whose data it is, by a dotted path over what is loaded.
    """

    fields: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    mask: Mapping[str, Callable[[Any], Any] | None] = field(default_factory=dict)
    soft_delete: str = ""
    reads: bool = False
    bulk_values: bool = False
    label: str = ""
    subject: str = ""


_MODEL_OPTIONS = tuple(each.name for each in fields(ModelOptions))


def model_options(where: str, given: Mapping[str, Any]) -> ModelOptions:
    """Return checked options; `OptionError` says what is wrong with those given at `where`."""
    known: dict[str, Any] = {}
    for name, value in given.items():
        if name not in _MODEL_OPTIONS:
            raise OptionError(f"{where} has the unknown option {name!r}. {nearest(str(name), _MODEL_OPTIONS)}")
        known[name] = _checked(where, name, value)
    return ModelOptions(**known)


def _checked(where: str, name: str, value: Any) -> Any:
    if name in ("reads", "bulk_values"):
        if not isinstance(value, bool):
            raise OptionError(f"{where}: {name}={value!r}; it must be true or false.")
        return value
    if name in ("soft_delete", "label", "subject"):
        if not isinstance(value, str):
            raise OptionError(f"{where}: {name}={value!r}; it must be the name of a field or attribute.")
        return value
    if name == "fields" and value is None:
        return None
    if isinstance(value, str) or not isinstance(value, (list, tuple, set, frozenset, Mapping)):
        raise OptionError(f"{where}: {name}={value!r}; it must be a list of fields, like [{str(value)!r}].")
    if name == "mask":
        masks = dict(value) if isinstance(value, Mapping) else dict.fromkeys(value)
        return {each: import_string(mask) if isinstance(mask, str) else mask for each, mask in masks.items()}
    return tuple(value)


@dataclass(frozen=True, slots=True)
class DjangoAuditOptions(AuditOptions):
    """`AURA["AUDIT"]`: the options of the trail itself (see `AuditOptions`) and those of its Django side.

    `keys`: by default one is derived from `SECRET_KEY`, and those of `SECRET_KEY_FALLBACKS` verify; give keys of your
    own to keep the trail apart from whoever knows the settings. `models` are tracked, by label (`"shop.Book"`): a list,
    or a dict of options (see `ModelOptions`). `accounts` are logins, logouts, failures, passwords, permissions and
    groups; `administration` what is done in the admin, migrations, and settings overridden at run time. `database` is
    where what changes no row is kept, by default where the routers put `AuditEntry`; a change is told where it happens.
    `key_database` holds the keys of `encrypt_subjects`. `keepers` get the seal of each checkpoint, to keep it elsewhere
    (see `aura_logging.audit.keepers`): callables, or dotted paths to some; by default it is a line of the log.
    """

    models: object = ()
    accounts: bool = True
    administration: bool = True
    database: str | None = None
    key_database: str | None = None
    keepers: tuple[object, ...] = field(default_factory=lambda: (LogKeeper(),))

    def __post_init__(self) -> None:
        # Not super(): a dataclass with slots is another class than the one its methods were written in.
        AuditOptions.__post_init__(self)
        self.by_model()
        for name, alias in (("database", self.database), ("key_database", self.key_database)):
            if alias is not None and alias not in settings.DATABASES:
                raise OptionError(f"{name}={alias!r} is unknown. {nearest(alias, settings.DATABASES)}")
        for keeper in self.keepers:
            if not (callable(keeper) or isinstance(keeper, str)):
                raise OptionError(f"keepers has {keeper!r}, which is neither a callable nor the dotted path of one.")

    @property
    def is_journalled(self) -> bool:
        """Whether what cannot be written waits on the disk, instead of failing what it tells of."""
        return self.when_unwritable == "journal"

    def keepers_to_call(self) -> tuple[Callable[[Checkpoint], None], ...]:
        """Return the keepers; `ImportError` for a path that leads nowhere."""
        return tuple(import_string(each) if isinstance(each, str) else each for each in self.keepers)  # type: ignore[misc]  # checked above

    def by_model(self) -> dict[str, ModelOptions]:
        """Return the options of each model that the settings name, by label."""
        given = self.models
        if not isinstance(given, Mapping):
            if isinstance(given, str) or not isinstance(given, (list, tuple, set, frozenset)):
                raise OptionError(
                    f"models={given!r}; it must be a list of labels like 'shop.Book', or a dict of options."
                )
            given = dict.fromkeys(given)
        return {label: model_options(f"models[{label!r}]", options or {}) for label, options in given.items()}

    def key_ring(self) -> KeyRing:
        """Return the given keys, or those derived from `SECRET_KEY`, which signs, and its fallbacks, which verify."""
        if self.keys:
            return KeyRing(self.keys)
        secrets = [*reversed(settings.SECRET_KEY_FALLBACKS), settings.SECRET_KEY]
        return derived_ring(secrets)


def derived_ring(secrets: list[str | bytes]) -> KeyRing:
    """Return a ring of keys derived from these secrets, the last of which signs; each key's id tells it from others."""
    import hashlib

    keys: dict[str, bytes] = {}
    for secret in secrets:
        ring = KeyRing.derived(secret)
        key = ring.key(ring.newest_id)
        # The id must tell keys apart when SECRET_KEY has changed, and must say nothing about the key.
        name = "secret-key-" + hashlib.sha256(b"id" + key).hexdigest()[:12]
        keys.pop(name, None)
        keys[name] = key
    return KeyRing(keys)


declare("AUDIT", DjangoAuditOptions)
