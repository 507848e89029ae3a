"""Parse and validate function.toml. Raises UserError with one line that names the mistake."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from shared.errors import UserError

ONNX_APIS = ("python", "c")  # see shared/serving/onnx/model.py
# Lambda's own limits; both are required.
NUMBERS = {"memory": (128, 10_240, "MB"), "timeout": (1, 900, "seconds")}
TABLES = ("environment", "deploy")
KEYS = (*NUMBERS, "onnx_api", "quantized", "model", *TABLES)
# Empty, or a bucket without dots, which TLS does not take, and folders without wildcards of IAM.
MODEL = re.compile(r"|s3://[a-z0-9][a-z0-9-]{1,61}[a-z0-9]/((?!\.\.?/)[A-Za-z0-9._()!'-]+/)*")
ARCHITECTURES = ("x86_64", "arm64")
FUNCTION_URLS = ("off", "iam", "public")
RETENTION = (  # days that CloudWatch Logs accepts
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827),
    *(2192, 2557, 2922, 3288, 3653),
)
DEFAULTS: dict = {  # of [deploy], and with them the type of each
    "architecture": "x86_64",
    "api": True,
    "function_url": "off",
    "schedule": "",
    "events": False,
    "bucket": False,
    "queue": False,
    "bulk": False,
    "data_buckets": [],
    "snapstart": False,
    "provisioned_concurrency": 0,
    "reserved_concurrency": -1,
    "requests_per_second": 20,
    "cors_origins": ["*"],
    "log_retention_days": 14,
    "alarm_email": "",
}
TYPES = {
    bool: "true or false",
    int: "a whole number",
    str: "text in quotes",
    list: 'a list such as ["one", "two"]',
}
CHOICES = {
    "architecture": ARCHITECTURES,
    "function_url": FUNCTION_URLS,
    "log_retention_days": RETENTION,
}
ITEMS = {  # of the lists: what each item must match, and an example
    "data_buckets": (
        r"(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "my-bucket",
    ),
    "cors_origins": (r"\*|https?://[A-Za-z0-9.-]+(:\d+)?", "https://www.example.com"),
}
TEXTS = {  # what a text must match unless it is empty, and an example
    "schedule": (
        r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)|cron\((\S+ ){5}\S+\)",
        "rate(1 day)",
    ),
    "alarm_email": (r"[^@\s,]+@[^@\s,]+\.[^@\s,]+", "me@example.com"),
}
# AWS_… hold credentials or are reserved, the others are reserved:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
RESERVED = re.compile(r"AWS_\w*|_HANDLER|_X_AMZN_TRACE_ID|LAMBDA_TASK_ROOT|LAMBDA_RUNTIME_DIR")
ENVIRONMENT_BYTES = 4096  # Lambda's limit for all variables together


def read(name: str, path: Path) -> dict:
    """Parse a project's function.toml and add the defaults.

    name: the project folder, for messages. Returns memory (MB), timeout (seconds), onnx_api,
    quantized, model, environment and deploy. Raises UserError.
    """
    found = {"onnx_api": "python", "quantized": False, "model": "", **_parsed(name, path)}
    if type(found["quantized"]) is not bool:
        _refuse(name, f"needs true or false for quantized, not {found['quantized']!r}")
    for key, (least, most, unit) in NUMBERS.items():
        limits = f"{least} to {most}"
        if key not in found:
            line = f"add a line {key} = … ({unit}, {limits}) above the first table"
            _refuse(name, f"has no {key}: {line}")
        if type(found[key]) is not int or not least <= found[key] <= most:
            needed = f"needs a whole number from {limits} for {key} ({unit})"
            _refuse(name, f"{needed}, not {found[key]!r}")
    if found["onnx_api"] not in ONNX_APIS:
        allowed = ", ".join(ONNX_APIS)
        _refuse(name, f"needs one of {allowed} for onnx_api, not {found['onnx_api']!r}")
    if not MODEL.fullmatch(str(found["model"])):
        needed = "needs an address such as 's3://my-bucket/models/' for model"
        _refuse(name, f"{needed}, not {_written(found['model'])}")
    tables = {
        "environment": checked_environment(name, found.get("environment", {})),
        "deploy": checked(name, found.get("deploy", {})),
    }
    return found | tables


def _parsed(name: str, path: Path) -> dict:
    """Parse function.toml. Raises UserError for an unknown key, or a table in place of a value."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{name} has no function.toml: copy the one of another project") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{name}/function.toml cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{name}/function.toml is not valid TOML: {error}") from None
    for key, value in found.items():
        if key not in KEYS:
            kind = f"table [{key}]" if isinstance(value, dict) else f"setting {key}"
            _refuse(name, f"has an unknown {kind}{_hint(key, KEYS)}")
        if key in TABLES and not isinstance(value, dict):
            _refuse(name, f"needs [{key}] to be a table")
        if key not in TABLES and isinstance(value, dict):
            _refuse(name, f"needs a value for {key}, not a table")
    return found


def checked_environment(name: str, found: dict) -> dict[str, str]:
    """Validate the [environment] table. Raises UserError."""
    for key, value in found.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
            _refuse(name, f"has {key!r} in [environment]: use letters, digits and _ in a name")
        if RESERVED.fullmatch(key):
            reserved = f"sets {key} in [environment], which is reserved for Lambda"
            _refuse(name, f"{reserved}: choose another name")
        if type(value) is not str:
            _refuse(name, f"needs text in quotes for {key} in [environment], not {_written(value)}")
        if "\0" in value:
            _refuse(name, f"has a NUL character in the value of {key} in [environment]: remove it")
    size = sum(len(text.encode()) for item in found.items() for text in item)
    if size > ENVIRONMENT_BYTES:
        most = f"more than Lambda's {ENVIRONMENT_BYTES:,}"
        _refuse(name, f"has {size:,} bytes in [environment], {most}: shorten it")
    return found


def checked(name: str, found: dict) -> dict:
    """Validate the [deploy] table, and add the defaults. Raises UserError."""
    settings = {**DEFAULTS, **found}
    for key, value in settings.items():
        if key not in DEFAULTS:
            is_above = key in KEYS and key not in TABLES
            hint = ": move it above the first table" if is_above else _hint(key, DEFAULTS)
            _refuse(name, f"has an unknown setting {key} in [deploy]{hint}")
        if type(value) is not type(DEFAULTS[key]):
            _refuse(name, f"needs {TYPES[type(DEFAULTS[key])]} for {key}, not {_written(value)}")
    for key, allowed in CHOICES.items():
        if settings[key] not in allowed:
            choices = ", ".join(map(str, allowed))
            _refuse(name, f"needs one of {choices} for {key}, not {settings[key]!r}")
    for key, (pattern, example) in ITEMS.items():
        for item in settings[key]:
            if type(item) is not str or not re.fullmatch(pattern, item):
                _refuse(name, f"needs names such as {example!r} in {key}, not {_written(item)}")
    for key, (pattern, example) in TEXTS.items():
        if settings[key] and not re.fullmatch(pattern, settings[key]):
            _refuse(name, f"needs text such as {example!r} for {key}, not {settings[key]!r}")
    _check_together(name, settings)
    return settings


def _check_together(name: str, settings: dict) -> None:
    """Raise UserError for values that are valid alone and not together."""
    provisioned, reserved = settings["provisioned_concurrency"], settings["reserved_concurrency"]
    if settings["requests_per_second"] < 1 or provisioned < 0 or reserved < -1:
        starts = "requests_per_second starts at 1, the concurrencies at 0"
        _refuse(name, f"has a negative number: {starts}")
    if settings["snapstart"] and provisioned:
        _refuse(name, "has both snapstart and provisioned_concurrency: AWS allows one of them")
    if 0 <= reserved < provisioned:
        more = f"provisions more ({provisioned}) than reserved_concurrency allows ({reserved})"
        _refuse(name, f"{more}: raise it, or set it to -1")
    if settings["bulk"] and not settings["bucket"] and not settings["data_buckets"]:
        advice = 'set bucket = true, or name your own, such as data_buckets = ["my-bucket"]'
        _refuse(name, f"has bulk = true and no bucket to score files in: {advice}")


def _hint(key: str, known: Iterable[str]) -> str:
    """Suggest the key that was meant, or list the known keys."""
    close = difflib.get_close_matches(key.lower(), known, n=1)
    return f": did you mean {close[0]}?" if close else f": known are {', '.join(known)}"


def _written(value: object) -> str:
    """Format a value as TOML writes it."""
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _refuse(name: str, what: str) -> NoReturn:
    raise UserError(f"{name}/function.toml {what}")
